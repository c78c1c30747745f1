package language

// Placeholder as the value of a factory's global parameter stands for the address of
// this endpoint. In Azure the same parameter holds the address of the real service.
const Placeholder = "switchyard:language"

// Host is the name by which Web activities reach the endpoint. A run keeps its global
// parameters over a restart, after which the port may be another; the name is the
// same, and resolved in the process itself.
const Host = "language.switchyard.localhost"

// Resolve returns the value of a global parameter as runs see it.
func Resolve(v any) any {
	if v == Placeholder {
		return "http://" + Host
	}
	return v
}
