package store

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"sort"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// cleanFile lists the database's files after a clean stop, one per line:
//
//	size crc32c name
//
// and ends with the checksum of the lines before. Tables carry checksums of
// their own, so their crc is "-"; the lock is not listed.
const cleanFile = "clean"

// writeClean accounts for all files once the database is closed.
func (d directory) writeClean() error {
	list, err := d.inventory()
	if err != nil {
		return err
	}
	return d.write(cleanFile, fmt.Appendf(list, "%08x\n", crc32.Checksum(list, castagnoli)))
}

// takeClean compares the files with the list that a clean stop left, and removes
// the list before anything changes. Without a list it does nothing: the last
// stop was not clean.
func (d directory) takeClean() error {
	b, err := d.read(cleanFile)
	if errors.Is(err, errNoFile) {
		return nil
	}
	if err != nil {
		return err
	}
	n := bytes.LastIndexByte(bytes.TrimSuffix(b, []byte("\n")), '\n') + 1
	if string(b[n:]) != fmt.Sprintf("%08x\n", crc32.Checksum(b[:n], castagnoli)) {
		return &CorruptError{Where: d.join(cleanFile), Err: errChecksum}
	}
	now, err := d.inventory()
	if err != nil {
		return err
	}
	if name, what := compareInventory(string(b[:n]), string(now)); what != "" {
		return &CorruptError{Where: d.database().join(name), Err: errors.New(what + " since the last clean stop")}
	}
	return d.remove(cleanFile)
}

func (d directory) inventory() ([]byte, error) {
	db := d.database()
	names, err := d.fs.List(db.path)
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	var list []byte
	for _, name := range names {
		info, err := d.fs.Stat(db.join(name))
		if err != nil {
			return nil, err
		}
		if name == "LOCK" || info.IsDir() {
			continue
		}
		sum := "-"
		if !strings.HasSuffix(name, ".sst") {
			b, err := db.read(name)
			if err != nil {
				return nil, err
			}
			sum = fmt.Sprintf("%08x", crc32.Checksum(b, castagnoli))
		}
		list = fmt.Appendf(list, "%d %s %s\n", info.Size(), sum, name)
	}
	return list, nil
}

// compareInventory returns the first difference between two lists.
func compareInventory(want, got string) (name, what string) {
	if want == got {
		return "", ""
	}
	have := map[string]string{}
	for line := range strings.Lines(got) {
		name, rest := cutInventory(line)
		have[name] = rest
	}
	for line := range strings.Lines(want) {
		name, rest := cutInventory(line)
		now, ok := have[name]
		delete(have, name)
		switch {
		case !ok:
			return name, "the file was lost"
		case now != rest:
			return name, fmt.Sprintf("the file was changed (size and checksum %s, now %s)", rest, now)
		}
	}
	for name := range have {
		return name, "the file was added"
	}
	return "", "files were changed"
}

func cutInventory(line string) (name, rest string) {
	line = strings.TrimSuffix(line, "\n")
	i := strings.LastIndexByte(line, ' ')
	return line[i+1:], line[:max(i, 0)]
}

// checkManifest reads the current manifest as the database will. Pebble takes
// the first bad record for the end; here it is only the end if nothing good is
// behind it. No database yet is no error: exists is false.
func (d directory) checkManifest() (exists bool, err error) {
	db := d.database()
	desc, err := pebble.Peek(db.path, d.fs)
	if err != nil {
		return false, err
	}
	if !desc.Exists {
		return false, nil
	}
	name := d.fs.PathBase(desc.ManifestFilename)
	b, err := db.read(name)
	if errors.Is(err, errNoFile) {
		return true, &CorruptError{Where: db.join(name), Err: errors.New("the file is lost")}
	}
	if err != nil {
		return true, err
	}
	if err := checkChunks(b); err != nil {
		return true, &CorruptError{Where: db.join(name), Err: err}
	}
	return true, nil
}

// hasTables reports whether there are data files, which without a manifest means
// that the manifest was lost.
func (d directory) hasTables() (bool, error) {
	names, err := d.fs.List(d.database().path)
	for _, name := range names {
		if strings.HasSuffix(name, ".sst") {
			return true, err
		}
	}
	return false, err
}

// formatFile says that the directory is initialised, and how.
const (
	formatFile   = "format"
	formatPrefix = "switchyard store "
)

// format reads the version from the format file, 0 if there is none.
func (d directory) format() (int, error) {
	b, err := d.read(formatFile)
	if errors.Is(err, errNoFile) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	text, ok := strings.CutPrefix(string(b), formatPrefix)
	n, err := strconv.Atoi(strings.TrimSuffix(text, "\n"))
	if !ok || err != nil || n <= 0 {
		return 0, &CorruptError{Where: d.join(formatFile), Err: errors.New("not a format file")}
	}
	return n, nil
}

func (d directory) writeFormat(version int) error {
	return d.write(formatFile, fmt.Appendf(nil, "%s%d\n", formatPrefix, version))
}
