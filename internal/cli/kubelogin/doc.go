// Package kubelogin is what kubectl runs to get a token for a cluster with Microsoft Entra integration: it stands in for
// Azure's kubelogin, whose arguments and variables it takes, as `lanyard kubelogin` or under that program's own name.
//
//	kubectl → get-token: options.go → credential.go (azidentity, MSAL) → answer.go → kubectl
//	convert-kubeconfig: rewrites how the users of a kubeconfig prove themselves
//
// It keeps the sign-ins of people between commands, in files that only their owner can read; tokens of service principals
// and managed identities are asked for each time. It knows no proof-of-possession tokens, which clusters of Azure Arc take.
package kubelogin
