package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Names that a directory without a format file may hold: what a first start that
// was killed leaves, what file systems and version control put into empty
// directories, and what the program keeps beside the store.
var (
	halfMade = []string{databaseDir, valuesDir, keyFile, keyFile + ".new", formatFile + ".new", cleanFile,
		cleanFile + ".new", syncedFile, syncedFile + ".new", damagedDir, "tls", "endpoints.json", "endpoints.json.new", "switchyard.log", "switchyard.log.old"}
	harmless = []string{"lost+found", ".gitkeep", ".gitignore", ".keep", ".DS_Store", ".snapshot"}
)

// refuseForeign fails with [ErrForeign] if the directory holds what no Switchyard
// made: writing a database between somebody's files would be found out when they are
// cleaned up. A directory with a format file is ours, whatever else is in it.
func (d directory) refuseForeign() error {
	names, err := d.fs.List(d.path)
	if isNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if slices.Contains(names, formatFile) {
		_, err := d.format()
		if corrupt := (*CorruptError)(nil); errors.As(err, &corrupt) && !slices.Contains(names, databaseDir) {
			return foreign([]string{formatFile})
		}
		return nil
	}
	others := slices.DeleteFunc(names, func(name string) bool {
		return slices.Contains(halfMade, name) || slices.Contains(harmless, name)
	})
	if len(others) > 0 {
		return foreign(others)
	}
	files, err := d.database().fs.List(d.database().path)
	if err != nil && !isNotExist(err) {
		return err
	}
	if others := slices.DeleteFunc(files, isDatabaseFile); len(others) > 0 {
		return foreign([]string{databaseDir + "/" + slices.Min(others)})
	}
	return nil
}

// foreign is the refusal; it names a few of the files.
func foreign(names []string) error {
	slices.Sort(names)
	const shown = 3
	list := strings.Join(names[:min(len(names), shown)], ", ")
	if len(names) > shown {
		list += ", …"
	}
	return fmt.Errorf("%w: it holds %s; name a directory that is absent or empty", ErrForeign, list)
}

// isDatabaseFile reports whether Pebble may have made a file of that name.
func isDatabaseFile(name string) bool {
	for _, prefix := range []string{"MANIFEST-", "OPTIONS-", "CURRENT", "marker.", "temporary."} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	for _, suffix := range []string{".log", ".sst", ".blob"} {
		if digits, ok := strings.CutSuffix(name, suffix); ok && digits != "" && strings.Trim(digits, "0123456789") == "" {
			return true
		}
	}
	return name == "LOCK" || name == "archive"
}
