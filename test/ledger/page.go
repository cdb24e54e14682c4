package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const pageHead = `# Compatibility

Which client was seen using which operation, and how it was answered. This page is generated: a test run leaves lanyardd's
own record of requests, and what stands here is condensed from that (` + "`make ledger`" + `; ` + "`make verify`" + ` checks that the page is what
the results in [compatibility/results](compatibility/results) say, ` + "`make conformance`" + ` that a fresh run still shows the same).
An operation that isn't listed may well be served: no run has used it. "Refused with" are the errors that runs have
provoked, most of them on purpose.

`

// row is an operation with everything that was seen of it.
type row struct{ versions, clients, refusals map[string]bool }

// page renders the results, then what only the real service could prove.
func page(all []Results, notVerified string) string {
	var b strings.Builder
	b.WriteString(pageHead)
	runs(&b, all)
	operations(&b, all)
	gaps(&b, all)
	b.WriteString(notVerified)
	return b.String()
}

func runs(b *strings.Builder, all []Results) {
	b.WriteString("## The runs\n\n| run | day | clients |\n|---|---|---|\n")
	for _, r := range all {
		var clients []string
		for _, client := range slices.Sorted(maps.Keys(r.Clients)) {
			clients = append(clients, strings.TrimSpace(client+" ("+strings.Join(r.Clients[client], ", ")+")"))
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", r.Run, r.Day, strings.Join(clients, "; "))
	}
	b.WriteByte('\n')
}

func operations(b *strings.Builder, all []Results) {
	groups := map[string]map[string]*row{}
	for _, r := range all {
		for _, use := range r.Uses {
			if len(use.Unknown) > 0 && !use.Served && len(use.Unknown) == len(use.Refusals) {
				continue
			}
			name := group(use.Operation)
			if groups[name] == nil {
				groups[name] = map[string]*row{}
			}
			seen := groups[name][use.Operation]
			if seen == nil {
				seen = &row{map[string]bool{}, map[string]bool{}, map[string]bool{}}
				groups[name][use.Operation] = seen
			}
			if use.APIVersion != "" {
				seen.versions[use.APIVersion] = true
			}
			seen.clients[use.Client] = true
			for _, refusal := range use.Refusals {
				seen.refusals[refusal] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		fmt.Fprintf(b, "## %s\n\n| operation | api-version | clients | refused with |\n|---|---|---|---|\n", name)
		rows := groups[name]
		for _, operation := range slices.SortedFunc(maps.Keys(rows), byType) {
			seen := rows[operation]
			fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", operation, list(seen.versions), list(seen.clients), list(seen.refusals))
		}
		b.WriteByte('\n')
	}
}

// gaps are the requests that nothing serves.
func gaps(b *strings.Builder, all []Results) {
	b.WriteString("## What nothing serves\n\nRequests of the runs that met nothing, and what they got. A user finds those of his own clients with\n`GET /debug/unhandled`.\n\n| request | api-version | client | answer |\n|---|---|---|---|\n")
	lines := map[string]bool{}
	for _, r := range all {
		for _, use := range r.Uses {
			if len(use.Unknown) > 0 {
				lines[fmt.Sprintf("| `%s` | %s | %s | %s |\n", use.Operation, use.APIVersion, use.Client, strings.Join(use.Unknown, ", "))] = true
			}
		}
	}
	for _, line := range slices.Sorted(maps.Keys(lines)) {
		b.WriteString(line)
	}
	b.WriteByte('\n')
}

// group is the heading that an operation stands below: its provider, or the part of the cloud that answers.
func group(operation string) string {
	_, subject, _ := strings.Cut(operation, " ")
	switch {
	case strings.HasPrefix(subject, "/v1.0"):
		return "Microsoft Graph"
	case strings.HasPrefix(subject, "/"):
		return "Entra: tokens and discovery"
	case strings.HasPrefix(subject, "operation "):
		return "Long-running operations"
	}
	provider, _, _ := strings.Cut(subject, "/")
	return provider
}

func byType(a, b string) int {
	methodA, subjectA, _ := strings.Cut(a, " ")
	methodB, subjectB, _ := strings.Cut(b, " ")
	return cmp.Or(cmp.Compare(subjectA, subjectB), cmp.Compare(methodA, methodB))
}

func list(set map[string]bool) string { return strings.Join(slices.Sorted(maps.Keys(set)), ", ") }
