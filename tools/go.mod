// What builds the project and is not part of it. Each tool has a module of its
// own below, so that no tool's dependencies move another's.
module github.com/lanyard-project/lanyard/tools

go 1.26
