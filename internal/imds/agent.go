package imds

// Agent is how the node agent signs its answers (header Server). It proves nothing: anybody can say it.
const Agent = "lanyard-nmi"
