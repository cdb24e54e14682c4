package login

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
)

const settingsFile = "config"

// Setting is one line of the settings file.
type Setting struct{ Section, Name, Value string }

// Settings are what the user set with `lanyard config`, in the form of az's own file:
// sections in brackets, name = value.
type Settings struct{ list []Setting }

// Settings reads the settings.
func (f Folder) Settings() (*Settings, error) {
	data, err := os.ReadFile(f.file(settingsFile))
	if os.IsNotExist(err) {
		return &Settings{}, nil
	}
	if err != nil {
		return nil, err
	}
	s := &Settings{}
	section := ""
	scanner := bufio.NewScanner(bytes.NewReader(data))
	for scanner.Scan() {
		line := strings.TrimSpace(scanner.Text())
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") {
			section = line[1 : len(line)-1]
			continue
		}
		name, v, ok := strings.Cut(line, "=")
		if !ok || section == "" {
			return nil, fmt.Errorf("%s has a line that is no setting: %q", f.file(settingsFile), line)
		}
		s.Set(section, strings.TrimSpace(name), strings.TrimSpace(v))
	}
	return s, scanner.Err()
}

// SettingsPath is the file of the settings.
func (f Folder) SettingsPath() string { return f.file(settingsFile) }

// SaveSettings writes the settings.
func (f Folder) SaveSettings(s *Settings) error {
	var b strings.Builder
	for _, section := range s.Sections() {
		fmt.Fprintf(&b, "[%s]\n", section)
		for _, setting := range s.In(section) {
			fmt.Fprintf(&b, "%s = %s\n", setting.Name, setting.Value)
		}
		b.WriteByte('\n')
	}
	return f.writeBytes(settingsFile, []byte(b.String()))
}

// Get returns a value, or "".
func (s *Settings) Get(section, name string) string {
	for _, setting := range s.list {
		if strings.EqualFold(setting.Section, section) && strings.EqualFold(setting.Name, name) {
			return setting.Value
		}
	}
	return ""
}

// Set sets a value.
func (s *Settings) Set(section, name, v string) {
	for i, setting := range s.list {
		if strings.EqualFold(setting.Section, section) && strings.EqualFold(setting.Name, name) {
			s.list[i].Value = v
			return
		}
	}
	s.list = append(s.list, Setting{section, name, v})
}

// Unset forgets a value.
func (s *Settings) Unset(section, name string) {
	s.list = slices.DeleteFunc(s.list, func(x Setting) bool {
		return strings.EqualFold(x.Section, section) && strings.EqualFold(x.Name, name)
	})
}

// Sections are the sections in their order.
func (s *Settings) Sections() []string {
	var names []string
	for _, setting := range s.list {
		if !slices.Contains(names, setting.Section) {
			names = append(names, setting.Section)
		}
	}
	return names
}

// In are the settings of a section.
func (s *Settings) In(section string) []Setting {
	var in []Setting
	for _, setting := range s.list {
		if strings.EqualFold(setting.Section, section) {
			in = append(in, setting)
		}
	}
	return in
}
