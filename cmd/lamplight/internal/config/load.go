package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Mistake is one thing wrong with the configuration.
type Mistake struct {
	File string // or the variable's name
	Line int    // 0 where there is none
	Path string // "domains[0].grace"
	Text string
}

func (m Mistake) String() string {
	where := m.File
	if m.Line > 0 {
		where += ":" + strconv.Itoa(m.Line)
	}
	if m.Path != "" {
		return fmt.Sprintf("%s: %s: %s", where, m.Path, m.Text)
	}
	return fmt.Sprintf("%s: %s", where, m.Text)
}

// Mistakes is the error of Load: everything that is wrong, in the file's order.
type Mistakes []Mistake

func (ms Mistakes) Error() string {
	lines := make([]string, len(ms))
	for i, m := range ms {
		lines[i] = m.String()
	}
	return strings.Join(lines, "\n")
}

// maxFile bounds a configuration file.
const maxFile = 64 << 20

// Load reads the file (if file is not empty), applies the variables of env,
// given as in os.Environ, fills in defaults and validates. An error about the
// contents is of type Mistakes.
func Load(file string, env []string) (*Config, error) {
	c := &Config{}
	s := source{file: file, lines: map[string]int{}, vars: map[string]string{}}
	if file != "" {
		if err := s.read(c); err != nil {
			return nil, err
		}
	}
	if err := s.environment(c, env); err != nil {
		return nil, err
	}
	c.defaults()
	if ms := s.locate(c.mistakes()); len(ms) > 0 {
		return nil, ms
	}
	return c, nil
}

// source remembers where each key came from.
type source struct {
	file  string
	lines map[string]int    // path → line of the file
	vars  map[string]string // path → variable that set it
}

func (s *source) read(c *Config) error {
	st, err := os.Stat(s.file)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	if st.Size() > maxFile {
		return Mistakes{{File: s.file, Text: fmt.Sprintf("larger than %d bytes", maxFile)}}
	}
	b, err := os.ReadFile(s.file)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	var root yaml.Node
	if err := yaml.Load(b, &root); err != nil {
		return s.yamlMistakes(err)
	}
	s.index(&root, "")
	if err := yaml.Load(b, c, yaml.WithKnownFields()); err != nil {
		return s.yamlMistakes(err)
	}
	return nil
}

// index notes the line of every key below n.
func (s *source) index(n *yaml.Node, path string) {
	switch n.Kind {
	case yaml.DocumentNode:
		for _, c := range n.Content {
			s.index(c, path)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			p := join(path, n.Content[i].Value)
			s.lines[p] = n.Content[i].Line
			s.index(n.Content[i+1], p)
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			p := fmt.Sprintf("%s[%d]", path, i)
			s.lines[p] = c.Line
			s.index(c, p)
		}
	}
}

// yamlMistakes turns what the YAML reader found wrong into mistakes.
func (s *source) yamlMistakes(err error) error {
	var many *yaml.LoadErrors
	if errors.As(err, &many) {
		ms := make(Mistakes, 0, len(many.Errors))
		for _, e := range many.Errors {
			ms = append(ms, Mistake{File: s.file, Line: e.Mark.Line, Text: e.Message})
		}
		return ms
	}
	var one *yaml.LoadError
	if errors.As(err, &one) {
		return Mistakes{{File: s.file, Line: one.Mark.Line, Text: one.Message}}
	}
	return Mistakes{{File: s.file, Text: err.Error()}}
}

// locate gives each mistake the place its key came from: its own line or that
// of the nearest key around it.
func (s *source) locate(ms Mistakes) Mistakes {
	for i := range ms {
		m := &ms[i]
		if v, ok := s.vars[m.Path]; ok {
			m.File = v
			continue
		}
		m.File = s.file
		for p := m.Path; ; {
			if l, ok := s.lines[p]; ok {
				m.Line = l
				break
			}
			cut := strings.LastIndexAny(p, ".[")
			if cut < 0 {
				break
			}
			p = p[:cut]
		}
	}
	sort.SliceStable(ms, func(i, j int) bool { return ms[i].Line < ms[j].Line })
	return ms
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

const envPrefix = "LAMPLIGHT_"

// clientVariable reports whether a variable belongs to the command line's
// client side rather than to the configuration.
func clientVariable(name string) bool { return name == "LAMPLIGHT_API" || name == "LAMPLIGHT_TOKEN" }

// environment applies LAMPLIGHT_SIP_UDP=a,b and the like: the key's path in
// capitals, joined by _, an element of a list by its index. A list of plain
// values is given at once, separated by commas.
func (s *source) environment(c *Config, env []string) error {
	var ms Mistakes
	sort.Strings(env)
	for _, kv := range env {
		name, value, ok := strings.Cut(kv, "=")
		if !ok || !strings.HasPrefix(name, envPrefix) || clientVariable(name) {
			continue
		}
		path, err := setByName(reflect.ValueOf(c).Elem(), strings.ToLower(name[len(envPrefix):]), value)
		if err != nil {
			ms = append(ms, Mistake{File: name, Path: path, Text: err.Error()})
			continue
		}
		s.vars[path] = name
	}
	if len(ms) > 0 {
		return ms
	}
	return nil
}

var errNoSuchKey = errors.New("no such key")

// setByName finds the key whose path, joined by _, is name, and sets it.
func setByName(v reflect.Value, name, value string) (path string, err error) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			key := strings.Split(v.Type().Field(i).Tag.Get("yaml"), ",")[0]
			if name == key {
				return key, setValue(v.Field(i), value)
			}
			if rest, ok := strings.CutPrefix(name, key+"_"); ok {
				p, err := setByName(v.Field(i), rest, value)
				if errors.Is(err, errNoSuchKey) {
					continue
				}
				if strings.HasPrefix(p, "[") {
					return key + p, err
				}
				return key + "." + p, err
			}
		}
	case reflect.Slice:
		index, rest, _ := strings.Cut(name, "_")
		i, err := strconv.Atoi(index)
		if err != nil || i < 0 || i > v.Len() {
			return "", errNoSuchKey
		}
		if i == v.Len() { // the next element
			v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
		}
		at := fmt.Sprintf("[%d]", i)
		if rest == "" {
			return at, setValue(v.Index(i), value)
		}
		p, err := setByName(v.Index(i), rest, value)
		return at + "." + p, err
	}
	return name, errNoSuchKey
}

// setValue reads value as YAML would have it for this type.
func setValue(v reflect.Value, value string) error {
	if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.String {
		parts := []string{}
		for p := range strings.SplitSeq(value, ",") {
			if p = strings.TrimSpace(p); p != "" {
				parts = append(parts, p)
			}
		}
		v.Set(reflect.ValueOf(parts))
		return nil
	}
	if v.Kind() == reflect.String {
		v.SetString(value)
		return nil
	}
	p := reflect.New(v.Type())
	if err := yaml.Load([]byte(value), p.Interface()); err != nil {
		var bad *yaml.LoadErrors
		if errors.As(err, &bad) && len(bad.Errors) > 0 {
			return errors.New(bad.Errors[0].Message)
		}
		return err
	}
	v.Set(p.Elem())
	return nil
}
