// Command ledger keeps docs/compatibility.md, the page that says which client was seen using which operation.
//
// A run of the conformance tests or of an end-to-end test leaves lanyardd's own record in build/records. "ledger collect"
// condenses each into a file of docs/compatibility/results: one entry an operation, api-version and client, with how it was
// answered. "ledger page" writes the page from these files and from docs/compatibility/not-verified.md. "ledger compare
// NAME" fails if a fresh record shows another ledger than the committed results of that name.
//
// It guarantees that the page says nothing that no run has shown. It doesn't know whether an answer was right: that is what
// the tests fail about.
package main
