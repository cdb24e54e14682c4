// Package query evaluates JMESPath expressions as az's --query does.
//
// The expression is parsed by a library; the interpreter is ours, since the order
// of keys decides how a table looks and no library keeps it. A multi-select hash
// gives an object in the order of the expression. Syntax that only a newer JMESPath
// has (let, arithmetic, the root node) is refused, so that a query that works here
// works with az too; two habits of az's interpreter that the specification doesn't
// have are kept: a literal in backticks may be a bare word, and strings can be
// ordered with < and >.
package query
