package complaints

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestEveryComplaintHasItsTests(t *testing.T) {
	known := make(map[string]string) // what test files of a folder say
	said := make(map[string]bool)
	for _, c := range List() {
		if !strings.HasSuffix(c.Says, ".") || said[c.Says] || len(c.Tests) == 0 {
			t.Errorf("%q: no sentence, told twice, or without a test", c.Says)
		}
		said[c.Says] = true
		for _, test := range c.Tests {
			folder, name, ok := strings.Cut(test, ".")
			if !ok {
				t.Errorf("%q names no folder", test)
				continue
			}
			if _, read := known[folder]; !read {
				known[folder] = testsIn(t, filepath.Join("..", "..", filepath.FromSlash(folder)))
			}
			if !regexp.MustCompile(`(?m)^func ` + regexp.QuoteMeta(name) + `\(t \*testing\.T\)`).MatchString(known[folder]) {
				t.Errorf("%s: there is no such test for %q", test, c.Says)
			}
		}
	}
}

func testsIn(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}
