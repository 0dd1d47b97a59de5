package main

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

func check(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

func main() {
	dir := os.Args[1]
	fmt.Println("args", os.Args[1:], "env", os.Getenv("NAME"))
	check(os.MkdirAll(dir+"/a/b", 0o755))
	check(os.WriteFile(dir+"/a/one", []byte("first\nsecond\n"), 0o644))
	file, err := os.OpenFile(dir+"/a/one", os.O_APPEND|os.O_WRONLY, 0)
	check(err)
	fmt.Fprintln(file, "third")
	check(file.Close())
	data, err := os.ReadFile(dir + "/a/one")
	check(err)
	fmt.Printf("data %q\n", data)
	check(os.Truncate(dir+"/a/one", 5))
	check(os.Chtimes(dir+"/a/one", time.Unix(5, 0), time.Unix(6, 0)))
	info, err := os.Stat(dir + "/a/one")
	check(err)
	fmt.Println("size", info.Size(), "modified", info.ModTime().Unix())
	check(os.Rename(dir+"/a/one", dir+"/a/b/two"))
	check(filepath.WalkDir(dir+"/a", func(path string, entry os.DirEntry, err error) error {
		fmt.Println("walk", path, entry.IsDir())
		return err
	}))
	_, err = os.ReadFile(dir + "/../secret")
	fmt.Println("outside", err != nil)
	start := time.Now()
	time.Sleep(30 * time.Millisecond)
	fmt.Println("slept", time.Since(start) >= 30*time.Millisecond, time.Now().Unix() > 1_700_000_000)
	bytes := make([]byte, 16)
	_, err = rand.Read(bytes)
	fmt.Println("random", err, string(bytes) != string(make([]byte, 16)))
	check(os.RemoveAll(dir + "/a"))
	ticks := make(chan int) // other goroutines run while this one waits for input
	go func() {
		for i := range 3 {
			time.Sleep(time.Millisecond)
			ticks <- i
		}
		close(ticks)
	}()
	for i := range ticks {
		fmt.Println("tick", i)
	}
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Printf("input %q %v\n", line, err)
	os.Exit(7)
}
