// Package dns is the part of Microsoft.Network that names things: public and
// private zones, their record sets, and the networks that private zones are
// linked to.
//
// It stands above shape, beside network. Record sets are documents of their own,
// one collection a type; "recordsets" and "all" list them together. A zone is
// made with the record sets that every zone has (SOA, and NS for public ones).
//
// It keeps what is to be answered and answers nothing itself: a resolver reads
// the documents. The checks are those without which a resolver couldn't work:
// addresses that parse, one CNAME and nothing beside it, no CNAME at the apex.
package dns
