module maps

go 1.24
