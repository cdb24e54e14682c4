// Package deployments is Microsoft.Resources/deployments: templates that make
// many resources at once.
//
//	template.go parameters.go   what a template says
//	environment.go              the functions that need a deployment (parameters, reference, resourceGroup, …)
//	expand.go                   the resources that a template makes: names, loops, conditions, order
//	admit.go                    what is refused before anything is made
//	run.go                      the long-running operation that makes them
//	whatif.go operations.go     what would happen, and what has happened
//
// A deployment has no rights of its own: each resource is put, and each reference
// read, through the whole ARM pipeline as a call of the one who deploys. It is a
// plan of arm/ops: killed anywhere it goes on, because putting a resource again
// changes nothing.
//
// Not done: linked templates (templateLink), parameters from a Key Vault,
// user-defined functions, and scopes above the subscription. They are refused.
package deployments
