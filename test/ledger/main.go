package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Places in the source tree, which is the working folder.
const (
	records     = "build/records"
	results     = "docs/compatibility/results"
	notVerified = "docs/compatibility/not-verified.md"
	pageFile    = "docs/compatibility.md"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "ledger: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "collect":
		return collect()
	case len(args) == 1 && args[0] == "page":
		return writePage()
	case len(args) == 2 && args[0] == "compare":
		return compare(args[1])
	}
	return errors.New("say collect, page, or compare NAME")
}

// collect condenses every record that runs have left.
func collect() error {
	files, err := filepath.Glob(filepath.Join(records, "*.jsonl"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("no run has left a record in %s: run make conformance or make e2e", records)
	}
	for _, file := range files {
		r, err := condenseFile(file)
		if err != nil {
			return err
		}
		data, err := r.encode()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(results, r.Run+".json"), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func condenseFile(file string) (Results, error) {
	record, err := os.Open(file)
	if err != nil {
		return Results{}, err
	}
	defer record.Close()
	return condense(strings.TrimSuffix(filepath.Base(file), ".jsonl"), record)
}

func writePage() error {
	files, err := filepath.Glob(filepath.Join(results, "*.json"))
	if err != nil {
		return err
	}
	var all []Results
	for _, file := range files {
		r, err := read(file)
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	unproven, err := os.ReadFile(notVerified)
	if err != nil {
		return err
	}
	return os.WriteFile(pageFile, []byte(page(all, string(unproven))), 0o644)
}

func read(file string) (Results, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Results{}, err
	}
	var r Results
	if err := json.Unmarshal(data, &r); err != nil {
		return Results{}, fmt.Errorf("reading %s: %w", file, err)
	}
	return r, nil
}

// compare fails if a fresh record shows something else than what is committed.
func compare(name string) error {
	fresh, err := condenseFile(filepath.Join(records, name+".jsonl"))
	if err != nil {
		return err
	}
	committed, err := read(filepath.Join(results, name+".json"))
	if err != nil {
		return err
	}
	differences := append(without(committed.Uses, fresh.Uses, "no longer seen"), without(fresh.Uses, committed.Uses, "new")...)
	if len(differences) > 0 {
		return fmt.Errorf("the run shows another ledger than %s: run make ledger, and commit what it writes if it is meant:\n%s",
			filepath.Join(results, name+".json"), strings.Join(differences, "\n"))
	}
	return nil
}

func without(uses, others []Use, what string) []string {
	var left []string
	for _, use := range uses {
		if !slices.ContainsFunc(others, func(o Use) bool { return same(use, o) }) {
			left = append(left, fmt.Sprintf("%s: %s %s by %s, served %t, refused %v", what, use.Operation, use.APIVersion, use.Client, use.Served, use.Refusals))
		}
	}
	return left
}

func same(a, b Use) bool {
	return a.Operation == b.Operation && a.APIVersion == b.APIVersion && a.Client == b.Client && a.Served == b.Served && slices.Equal(a.Refusals, b.Refusals)
}
