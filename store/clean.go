package store

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// cleanFile lists the files of the database and of the value log after a clean
// stop, one per line:
//
//	size crc32c name
//
// and ends with the checksum of the lines before. The name of a segment of the
// value log starts with its directory. Tables and segments carry checksums of
// their own, so their crc is "-"; the lock is not listed.
const cleanFile = "clean"

// writeClean accounts for all files once the database is closed.
func (d directory) writeClean() error {
	// Neither Pebble nor the value log syncs the removal of files.
	if err := d.database().sync(); err != nil {
		return err
	}
	if err := d.values().sync(); err != nil && !isNotExist(err) {
		return err
	}
	list, err := d.inventory()
	if err != nil {
		return err
	}
	return d.write(cleanFile, fmt.Appendf(list, "%08x\n", crc32.Checksum(list, castagnoli)))
}

// takeClean compares the files with the list that a clean stop left, and removes
// the list before anything changes. Without a list the last stop was not clean.
func (d directory) takeClean() (clean bool, err error) {
	b, err := d.read(cleanFile)
	if errors.Is(err, errNoFile) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	n := bytes.LastIndexByte(bytes.TrimSuffix(b, []byte("\n")), '\n') + 1
	if string(b[n:]) != fmt.Sprintf("%08x\n", crc32.Checksum(b[:n], castagnoli)) {
		return false, &CorruptError{Where: d.join(cleanFile), Err: errChecksum}
	}
	now, err := d.inventory()
	if err != nil {
		return false, err
	}
	if name, what := compareInventory(string(b[:n]), string(now)); what != "" {
		return false, &CorruptError{Where: d.inventoried(name),
			Err: errors.New(what + " since the last clean stop")}
	}
	return true, d.remove(cleanFile)
}

func (d directory) inventory() ([]byte, error) {
	list, err := d.database().list(nil, "")
	if err != nil {
		return nil, err
	}
	list, err = d.values().list(list, valuesDir+"/")
	if isNotExist(err) {
		return list, nil
	}
	return list, err
}

// inventoried is the path of a file that the inventory names.
func (d directory) inventoried(name string) string {
	if base, ok := strings.CutPrefix(name, valuesDir+"/"); ok {
		return d.values().join(base)
	}
	return d.database().join(name)
}

// list adds the files of one directory to the inventory.
func (d directory) list(list []byte, prefix string) ([]byte, error) {
	names, err := d.fs.List(d.path)
	if err != nil {
		return list, err
	}
	sort.Strings(names)
	for _, name := range names {
		info, err := d.fs.Stat(d.join(name))
		if err != nil {
			return nil, err
		}
		if name == "LOCK" || info.IsDir() {
			continue
		}
		sum := "-"
		if !strings.HasSuffix(name, ".sst") && !strings.HasSuffix(name, segmentSuffix) {
			b, err := d.read(name)
			if err != nil {
				return nil, err
			}
			sum = fmt.Sprintf("%08x", crc32.Checksum(b, castagnoli))
		}
		list = fmt.Appendf(list, "%d %s %s\n", info.Size(), sum, prefix+name)
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

// manifest returns the name of the current manifest, "" if there is no database.
func (d directory) manifest() (name string, err error) {
	db := d.database()
	desc, err := pebble.Peek(db.path, d.fs)
	if err != nil || !desc.Exists {
		return "", err
	}
	name = d.fs.PathBase(desc.ManifestFilename)
	if _, err := d.fs.Stat(db.join(name)); isNotExist(err) {
		return "", &CorruptError{Where: db.join(name), Err: errors.New("the file is lost")}
	} else if err != nil {
		return "", err
	}
	return name, nil
}

// checkManifest reads the manifest as the database will, after a stop that was not
// clean.
func (d directory) checkManifest(name string) error {
	b, err := d.database().read(name)
	if err != nil {
		return err
	}
	if err := checkManifestChunks(b); err != nil {
		return &CorruptError{Where: d.database().join(name), Err: err}
	}
	return nil
}

// hasData reports whether there are data files, which without a manifest means
// that the manifest was lost.
func (d directory) hasData() (bool, error) {
	for dir, suffix := range map[directory]string{d.database(): ".sst", d.values(): segmentSuffix} {
		names, err := dir.fs.List(dir.path)
		if err != nil && !isNotExist(err) {
			return false, err
		}
		if slices.ContainsFunc(names, func(name string) bool { return strings.HasSuffix(name, suffix) }) {
			return true, nil
		}
	}
	return false, nil
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
