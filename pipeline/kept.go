package pipeline

import "switchyard/value"

// A Kept is a definition that is kept as it is and changes nothing here: a data flow, an
// integration runtime, a credential, a managed virtual network.
type Kept struct {
	Folder string // of the Git layout: dataflow, integrationRuntime, …
	Name   string
	File   string
	Raw    *value.Object
}

// ParseKept reads the file of a definition that is kept as it is.
func ParseKept(folder, file string, data []byte) (*Kept, Diagnostics) {
	root, ds := parse(file, data)
	if root == nil {
		return nil, ds
	}
	d, ok := open(file, root)
	if !ok {
		return nil, d.diags
	}
	d.checkName("$.name", folder, d.name, maxResourceName)
	return &Kept{folder, d.name, file, root}, d.diags
}
