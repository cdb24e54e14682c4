package groups

import "github.com/lanyard-project/lanyard/internal/cli/command"

// Table is all groups of this package. A new group is a file with a function and a
// line here.
func Table() command.Table {
	return command.Join(
		accountGroup(),
		adGroup(),
		aksGroup(),
		cloudGroup(),
		computeGroup(),
		configGroup(),
		groupGroup(),
		identityGroup(),
		lockGroup(),
		loginCommands(),
		monitorGroup(),
		networkGroup(),
		deploymentGroup(),
		extensionGroup(),
		featureGroup(),
		providerGroup(),
		resourceGroupCommands(),
		restCommand(),
		roleGroup(),
		serviceGroups(),
		tagGroup(),
		versionCommand(),
	)
}
