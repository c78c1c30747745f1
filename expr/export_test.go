package expr

// Functions returns all functions, by family in the order of the documentation.
func Functions() []Function {
	list := make([]Function, len(functionTable))
	for i, f := range functionTable {
		list[i] = Function{f.name, f.family, f.min, f.max}
	}
	return list
}
