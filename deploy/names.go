package deploy

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"switchyard/pipeline"
)

// folders are those of the Git layout that are read [ENGINE 1].
var folders = []string{"factory", "linkedService", "dataset", "pipeline", "trigger"}

// misnamed reports files and folders that look like definitions and would not be read
// because of their names.
func misnamed(fsys fs.FS, name string) (ds pipeline.Diagnostics) {
	report := func(file, format string, a ...any) {
		ds = append(ds, pipeline.Diagnostic{File: path.Join(name, file), Path: "$", Message: fmt.Sprintf(format, a...)})
	}
	entries, _ := fs.ReadDir(fsys, ".") // what can't be read is reported where it is wanted
	for _, e := range entries {
		for _, folder := range slices.Concat(folders, otherFolders) {
			if e.IsDir() && e.Name() != folder && like(e.Name(), folder) && holdsJSON(fsys, e.Name()) {
				report(e.Name(), "the folder is not read; in the Git layout its name is %s", folder)
			}
		}
		if !e.IsDir() && e.Name() != "Config.json" && strings.EqualFold(e.Name(), "Config.json") {
			report(e.Name(), "the file is not read; its name is Config.json")
		}
	}
	for _, folder := range folders {
		entries, _ := fs.ReadDir(fsys, folder)
		for _, e := range entries {
			ext := strings.ToLower(path.Ext(e.Name()))
			switch {
			case isOverlay(e.Name()):
				base := path.Join(folder, e.Name()[:len(e.Name())-len(overlaySuffix)]+".json")
				if _, err := fs.Stat(fsys, base); err != nil {
					report(path.Join(folder, e.Name()), "the file is merged over %s, which is not there", base)
				}
			case e.IsDir() && holdsJSON(fsys, path.Join(folder, e.Name())):
				report(path.Join(folder, e.Name()), "the folder is not read; definitions stand in %s itself", folder)
			case !e.IsDir() && slices.Contains([]string{".jsonc", ".json5", ".yaml", ".yml"}, ext):
				report(path.Join(folder, e.Name()), "the file is not read; definitions are files *.json")
			}
		}
	}
	return ds
}

// inside reports the files in the folders of a folder whose resources are kept, such as
// managed private endpoints in managedVirtualNetwork/default.
func inside(fsys fs.FS, name, folder string, s pipeline.Severity) (ds pipeline.Diagnostics) {
	_ = fs.WalkDir(fsys, folder, func(file string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && path.Dir(file) != folder && strings.EqualFold(path.Ext(file), ".json") {
			ds = append(ds, pipeline.Diagnostic{File: path.Join(name, file), Path: "$", Severity: s,
				Message: "is not read: only what stands in " + folder + " itself is kept"})
		}
		return nil // what can't be read is reported where it is wanted
	})
	return ds
}

// like reports whether a name is a folder's but for case, a plural or what stands between
// its words.
func like(name, folder string) bool {
	plain := strings.NewReplacer("-", "", "_", "", " ", "")
	name, folder = strings.ToLower(plain.Replace(name)), strings.ToLower(folder)
	plural := folder + "s"
	if stem, ok := strings.CutSuffix(folder, "y"); ok {
		plural = stem + "ies"
	}
	return name == folder || name == plural
}

func holdsJSON(fsys fs.FS, folder string) bool {
	entries, _ := fs.ReadDir(fsys, folder)
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return !e.IsDir() && strings.EqualFold(path.Ext(e.Name()), ".json")
	})
}

// calledOtherwise reports a definition whose file has another name: in the Git layout
// both are the same, and Data Factory does not take it otherwise.
func calledOtherwise(file, name string) pipeline.Diagnostics {
	base := path.Base(file)
	if strings.EqualFold(strings.TrimSuffix(base, path.Ext(base)), name) || name == "" {
		return nil
	}
	return pipeline.Diagnostics{{File: file, Path: "$.name",
		Message: fmt.Sprintf("is %q, and the file is %s; in the Git layout it is %s.json", name, base, name)}}
}
