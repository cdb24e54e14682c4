// Package obs is how the programs tell what they do: a logger, made once in main
// and handed down. There are no globals: a package that logs takes what it needs
// from who makes it.
//
// Secrets can't reach a log: their types print a placeholder (internal/secret).
// What was decided and which tokens were issued is a record of its own
// (internal/obs/record), not a log.
package obs
