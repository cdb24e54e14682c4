// Package shape turns what a service answered into what az prints of it.
//
// az reads an answer into the model of the api-version that it asked with: what lies
// below "properties" comes up, what the service left out is null, and what the model
// doesn't know is left out. The models are data, one file a service in models/, in the
// words of the public API specifications. Newer parts of az print only what is there;
// Sparse does that.
package shape
