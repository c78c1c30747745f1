package deploy

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"switchyard/pipeline"
	"switchyard/value"
)

// envFile holds secrets of a folder that are not for its repository.
const envFile = ".env"

// Env is what an .env file says, by normalized names.
type Env struct{ values map[string]string }

// normal is a name without case and without the signs that variables can't or need not
// have: apiKey, api-key and API_KEY are one.
func normal(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
}

// Lookup returns the value of a name, whose spelling may differ in case, hyphens and
// underscores.
func (e Env) Lookup(name string) (string, bool) {
	v, ok := e.values[normal(name)]
	return v, ok
}

// parseEnv reads NAME=VALUE lines. Empty lines and those that begin with # are none, a
// leading "export" is ignored. A value may stand in single quotes, as it is, or in double
// quotes, with \n, \", \\ and \$; of any other, what follows " #" is a comment.
func parseEnv(file string, data []byte) (Env, pipeline.Diagnostics) {
	e, spelled := Env{map[string]string{}}, map[string]string{}
	var ds pipeline.Diagnostics
	for i, line := range bytes.Split(data, []byte("\n")) {
		text := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(string(line)), "export "))
		if text == "" || text[0] == '#' {
			continue
		}
		wrong := func(format string, a ...any) {
			ds = append(ds, pipeline.Diagnostic{File: file, Path: "$", Line: i + 1, Column: 1, Message: fmt.Sprintf(format, a...)})
		}
		name, text, ok := strings.Cut(text, "=")
		if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(name, " \t'\"") {
			wrong("is not NAME=VALUE")
			continue
		}
		val, err := envValue(strings.TrimSpace(text))
		if err != nil {
			wrong("%s: %v", name, err)
			continue
		}
		if other, twice := spelled[normal(name)]; twice {
			wrong("%s is %s, which is there already", name, other)
			continue
		}
		spelled[normal(name)], e.values[normal(name)] = name, val
	}
	return e, ds
}

// readEnv reads the folder's .env file, if there is one.
func (d *Deployment) readEnv(fsys fs.FS) (ds pipeline.Diagnostics) {
	data, err := readFile(fsys, envFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		ds = pipeline.Diagnostics{{File: path.Join(d.name, envFile), Path: "$", Message: err.Error()}}
	default:
		d.Env, ds = parseEnv(path.Join(d.name, envFile), data)
	}
	return ds
}

func envValue(text string) (string, error) {
	if text == "" || text[0] != '\'' && text[0] != '"' {
		text, _, _ = strings.Cut(text, " #")
		return strings.TrimSpace(text), nil
	}
	quote := text[0]
	var out strings.Builder
	for i := 1; i < len(text); i++ {
		c := text[i]
		switch {
		case c == quote:
			if rest := strings.TrimSpace(text[i+1:]); rest != "" && rest[0] != '#' {
				return "", fmt.Errorf("something follows the closing %c", quote)
			}
			return out.String(), nil
		case c == '\\' && quote == '"' && i+1 < len(text):
			i++
			switch text[i] {
			case 'n':
				out.WriteByte('\n')
			case '"', '\\', '$':
				out.WriteByte(text[i])
			default:
				out.WriteByte('\\')
				out.WriteByte(text[i])
			}
		default:
			out.WriteByte(c)
		}
	}
	return "", fmt.Errorf("the closing %c is missing", quote)
}

// fill gives the SecureString parameters of a definition the values of the file as their
// defaults: NAME, or OWNER__NAME for that of one definition, which counts more. It
// reports whether there were any.
func (e Env) fill(owner string, root *value.Object) (filled bool) {
	if len(e.values) == 0 {
		return false
	}
	v, _ := root.Lookup("properties")
	properties, _ := v.(*value.Object)
	v, _ = properties.Lookup("parameters")
	parameters, _ := v.(*value.Object)
	for _, m := range parameters.Members() {
		p, ok := m.Value.(*value.Object)
		if !ok {
			continue
		}
		t, _ := p.Lookup("type")
		if text, _ := t.(string); !strings.EqualFold(text, string(pipeline.TypeSecureString)) {
			continue
		}
		secret, ok := e.Lookup(owner + m.Name)
		if !ok {
			secret, ok = e.Lookup(m.Name)
		}
		if ok {
			p.Set("defaultValue", secret)
			filled = true
		}
	}
	return filled
}
