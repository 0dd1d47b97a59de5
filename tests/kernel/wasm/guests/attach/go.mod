module example.com/attach

go 1.24
