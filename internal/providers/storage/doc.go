// Package storage is the Microsoft.Storage resource provider as ARM sees it:
// storage accounts with their keys, the settings of their services, and the
// containers, queues, tables and shares in them. It stands above shape.
//
// Everything here has an ID that a role can be scoped to, down to one container.
// The data itself is behind the account's endpoints, which are another service's;
// what a caller may do there is asked of the data-plane check.
package storage
