module github.com/gatehold/gatehold/tools/verify/go

go 1.19

require golang.org/x/mod v0.17.0
