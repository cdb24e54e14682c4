// Package rest holds what an ARM call answers with, as values: errors, responses
// and pages. The pipeline makes them, the edge writes them out; nothing between
// touches an http.ResponseWriter.
//
// It guarantees that every well-known ARM error has one constructor here, with
// the status, code and text that Azure's clients know. It decides nothing: who
// returns which error is the pipeline's and the providers' business.
package rest
