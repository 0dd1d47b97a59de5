# The commands are scripts, for machines without make; these are their short names.
.PHONY: setup quickstart check test bench fuzz matrix wheel onefile libeunomia release links unlink clean
setup quickstart check test bench fuzz images matrix wheel onefile libeunomia release:
	scripts/$@
links:
	scripts/links make
unlink:
	scripts/links remove
clean:
	rm -rf build dist src/eunomia/builtin/*.json src/eunomia/builtin/.*.digest src/eunomia/_native/*.so
