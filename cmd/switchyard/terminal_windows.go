package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// columns is the width of a console, 0 if the file is none.
func columns(f *os.File) int {
	var info windows.ConsoleScreenBufferInfo
	if f == nil || windows.GetConsoleScreenBufferInfo(windows.Handle(f.Fd()), &info) != nil {
		return 0
	}
	return int(info.Window.Right-info.Window.Left) + 1
}
