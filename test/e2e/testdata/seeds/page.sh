# Runs command lines of a seed page as they are printed there, with az being $PROGRAM. What they set is there for the
# next ones. The only word added is the number of nodes: az's default of three would show nothing more.
set -eu -o pipefail -a
if [ -e "$WORK/variables" ]; then . "$WORK/variables"; fi
az() {
	if [ "${1-} ${2-}" = "aks create" ]; then set -- "$@" --node-count 1; fi
	command "$PROGRAM" "$@"
}
helm() { command helm "$@"; }
. "$WORK/$1"
declare -p $(compgen -A export | grep -vE '^(PATH|HOME|WORK|PROGRAM|SHLVL|_|PWD|OLDPWD)$') | sed 's/^declare -[a-z-]* /export /' >"$WORK/variables"
