// Package memory says how much memory the process may use, tells the garbage
// collector, and gives back to the system what a burst has left behind.
//
// What it knows of the machine it reads from files of Linux: the control groups
// of a container or a service, both versions, and the size of the machine. On
// other systems nothing is known and nothing is set unless a setting says so.
package memory

import (
	"bufio"
	"bytes"
	"io/fs"
	"math"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// share is what the collector may use of the limit, in percent. The rest is for
// what it does not count: the database's caches of blocks, stacks of the kernel,
// the pages of files that are being written.
const share = 80

// unlimited is the size from which on a control group's limit is none: version 1
// writes the greatest multiple of a page.
const unlimited = 1 << 60

// A Limit is the memory that the process may use and who says so.
type Limit struct {
	Bytes  int64  // 0: unknown
	Source string // "control group", "machine"; "" if it is unknown
}

// Find reads the limit from a Linux system's files: the smallest limit of the
// control groups around the process, or the size of the machine.
func Find(root fs.FS) Limit {
	l := Limit{Bytes: machine(root), Source: "machine"}
	for _, g := range groups(root) {
		if n := g.limit(root); n > 0 && (l.Bytes == 0 || n < l.Bytes) {
			l = Limit{n, "control group"}
		}
	}
	if l.Bytes == 0 {
		l.Source = ""
	}
	return l
}

// Collector returns what the garbage collector is told of a limit, 0 for nothing.
func (l Limit) Collector() int64 { return l.Bytes / 100 * share }

// Collector sets the soft limit of the garbage collector, 0 for none, unless the
// variable GOMEMLIMIT has set it. It returns the limit that holds then, 0 for
// none.
func Collector(bytes int64, variable string) int64 {
	if variable == "" && bytes > 0 {
		debug.SetMemoryLimit(bytes)
	}
	if n := debug.SetMemoryLimit(-1); n < math.MaxInt64 {
		return n
	}
	return 0
}

// unknown stands for the memory of the process where no limit is known.
const unknown = 2 << 30

// Part returns one part of a limit in bytes; 0 is an unknown limit, which counts as
// 2 GiB.
func Part(limit, of int64) int64 {
	if limit <= 0 {
		limit = unknown
	}
	return limit / of
}

// machine is the size of the machine, 0 if it is unknown.
func machine(root fs.FS) int64 {
	b, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "MemTotal:" {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			return n << 10
		}
	}
	return 0
}

// A group is a control group of the process: a directory below a mount.
type group struct {
	mount, below string
	file         string // that holds the limit
}

// groups finds the control groups of the process that may limit its memory. A
// container sees its own as the root of the mount.
func groups(root fs.FS) []group {
	b, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return nil
	}
	var found []group
	for line := range strings.Lines(string(b)) {
		// hierarchy-ID:controller-list:path
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		kind, file := "", ""
		switch {
		case f[0] == "0" && f[1] == "":
			kind, file = "cgroup2", "memory.max"
		case contains(f[1], "memory"):
			kind, file = "cgroup", "memory.limit_in_bytes"
		default:
			continue
		}
		if mount, of, ok := mounted(root, kind); ok {
			below := strings.TrimPrefix(f[2], strings.TrimSuffix(of, "/"))
			found = append(found, group{mount, below, file})
		}
	}
	return found
}

func contains(list, word string) bool {
	for w := range strings.SplitSeq(list, ",") {
		if w == word {
			return true
		}
	}
	return false
}

// mounted finds where control groups of a kind are mounted, and which of them is
// the root of the mount.
func mounted(root fs.FS, kind string) (mount, of string, ok bool) {
	b, err := fs.ReadFile(root, "proc/self/mountinfo")
	if err != nil {
		return "", "", false
	}
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		// 35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
		before, after, _ := strings.Cut(s.Text(), " - ")
		f, t := strings.Fields(before), strings.Fields(after)
		if len(f) < 5 || len(t) < 3 || t[0] != kind || kind == "cgroup" && !contains(t[2], "memory") {
			continue
		}
		return strings.TrimPrefix(f[4], "/"), f[3], true
	}
	return "", "", false
}

// limit is the smallest limit from the group up to the mount, 0 if there is none.
func (g group) limit(root fs.FS) (least int64) {
	for dir := path.Join("/", g.below); ; dir = path.Dir(dir) {
		b, err := fs.ReadFile(root, path.Join(g.mount, dir, g.file))
		if err == nil { // "max" is no number
			n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
			if err == nil && n > 0 && n < unlimited && (least == 0 || n < least) {
				least = n
			}
		}
		if dir == "/" {
			return least
		}
	}
}
