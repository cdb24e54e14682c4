// Package features is the Microsoft.Features resource provider: the flags of
// preview features that a subscription registers for.
//
// It stands beside the other providers and above the store. Providers whose
// behaviour a flag gates ask Enabled, or let Require word the refusal. A feature
// is enabled once it is Registered and its provider's own registration was
// renewed afterwards (az provider register), as the documentation tells users.
//
// A feature's state follows from what was asked for and the clock. It is kept
// under a key of its own because two types of ARM show it: providers/features and
// featureProviders/subscriptionFeatureRegistrations.
package features
