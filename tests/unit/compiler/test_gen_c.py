"""C skeletons: every offset as BTF tells it, natively and for wasm32, without a warning."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from eunomia.compiler.skeletons import declared_names, generate
from eunomia.package import Package
from support.layouts import asserts, bit_fields, compile_c, random_structs, read_btf

ROOT = Path(__file__).parents[3]
PACKAGES = sorted(path for path in (ROOT / "src/eunomia/builtin").glob("*.json") if path.name != "_follow.json")
WASM = ("-target", "wasm32-wasi")
LIBBPF = """\
#pragma once
struct bpf_object; struct bpf_map; struct bpf_program; struct bpf_link; struct bpf_object_open_opts;
struct bpf_map_skeleton { const char *name; struct bpf_map **map; void **mmaped; };
struct bpf_prog_skeleton { const char *name; struct bpf_program **prog; struct bpf_link **link; };
struct bpf_object_skeleton { size_t sz; const char *name; const void *data; size_t data_sz; struct bpf_object **obj;
	int map_cnt; int map_skel_sz; struct bpf_map_skeleton *maps;
	int prog_cnt; int prog_skel_sz; struct bpf_prog_skeleton *progs; };
#ifdef __cplusplus
extern "C" {
#endif
int bpf_object__open_skeleton(struct bpf_object_skeleton *s, const struct bpf_object_open_opts *opts);
int bpf_object__load_skeleton(struct bpf_object_skeleton *s);
int bpf_object__attach_skeleton(struct bpf_object_skeleton *s);
void bpf_object__detach_skeleton(struct bpf_object_skeleton *s);
void bpf_object__destroy_skeleton(struct bpf_object_skeleton *s);
#ifdef __cplusplus
}
#endif
"""


@pytest.fixture
def libbpf(tmp_path: Path) -> str:
    """The part of libbpf's header that skeletons use, as an option for the compiler."""
    (tmp_path / "bpf").mkdir()
    (tmp_path / "bpf/libbpf.h").write_text(LIBBPF)
    return f"-I{tmp_path}"


def test_layouts_of_every_kind_of_member_are_those_of_btf(tmp_path: Path, torture: Package) -> None:
    text = generate(torture, "c", types="only")
    btf = torture.types.btf
    assert btf is not None
    checks = asserts(btf, text)

    compile_c(tmp_path, "\n".join([text, *checks]))
    compile_c(tmp_path, "\n".join([text, *checks]), *WASM)

    assert len(checks) > 60


@pytest.fixture(scope="session")
def torture() -> Package:
    """The object with every kind of variable and member."""
    return Package.from_object(
        (ROOT / "tests/data/torture.bpf.o").read_bytes(),
        "torture.bpf.o",
        event_types={"rb": ["event"], "perf": ["other", "event"]},
    )


@pytest.fixture(scope="session")
def random_package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """An object with structures that nobody would write, as values of maps."""
    return random_structs(tmp_path_factory.mktemp("random"), count=60)


def test_layouts_of_random_structures_are_those_of_btf(tmp_path: Path, random_package: Package) -> None:
    text = generate(random_package, "c", types="only")
    btf = random_package.types.btf
    assert btf is not None
    checks = asserts(btf, text)

    compile_c(tmp_path, "\n".join([text, *checks]))
    compile_c(tmp_path, "\n".join([text, *checks]), *WASM)
    compile_c(tmp_path, text, "-std=c++17", "-Wno-gnu-anonymous-struct", suffix=".cpp")

    assert len(checks) > 300


def test_bit_fields_are_read_and_written_where_btf_has_them(tmp_path: Path, random_package: Package) -> None:
    text = generate(random_package, "c", types="only")
    btf = random_package.types.btf
    assert btf is not None
    main = ["#include <stdio.h>", "#include <string.h>", "int main(void) {"]
    expected = []
    for index in range(60):
        found = btf.find(f"random{index}")
        assert found is not None
        kind = f"struct random{index}"
        image = bytes((7 * at + 31 * index + 1) & 0xFF for at in range(found.size))
        text_bytes = ", ".join(map(str, image))
        main.append(
            f"{{ static const unsigned char image[] = {{ {text_bytes} }}; {kind} s, z; memcpy(&s, image, sizeof s);"
        )
        main.append(" memset(&z, 0, sizeof z);")
        for name, at, width, signed in bit_fields(btf, found.id):
            value = int.from_bytes(image, "little") >> at & (1 << width) - 1
            value -= 1 << width if signed and value >> width - 1 else 0
            got = f"random{index}_get_{name}(&s)"
            main.append(f' printf("%lld %d\\n", (long long){got}, s.{name} == {got});')
            main.append(f" random{index}_set_{name}(&z, {got});")
            main.append(f' printf("%d\\n", z.{name} == s.{name});')
            expected += [f"{value} 1", "1"]
        main.append("}")
    program = tmp_path / "program"

    compile_c(tmp_path, "\n".join([text, *main, "}"]), "-o", str(program))
    printed = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split("\n")[:-1]

    assert printed == expected
    assert len(expected) > 50


@pytest.mark.parametrize("path", PACKAGES, ids=lambda path: path.stem)
def test_skeleton_of_tool_compiles_in_c_and_cpp(tmp_path: Path, libbpf: str, path: Path) -> None:
    (tmp_path / "tool.skel.h").write_text(generate(Package.open(path), "c", "tool"))
    use = "struct tool *s = tool__open_and_load(); int failed = tool__attach(s); tool__detach(s); tool__destroy(s);"
    source = f'#include "tool.skel.h"\nint main(void) {{ {use} return failed; }}\n'

    compile_c(tmp_path, source, libbpf)
    compile_c(tmp_path, source.replace("tool__attach", "tool::attach"), libbpf, suffix=".cpp")


def test_types_of_own_header_are_not_defined_again(tmp_path: Path, torture: Package) -> None:
    own = "struct pair { unsigned a; short b; };\ntypedef struct { int x, y; } point_t;\nenum mode { MODE_OFF };\n"

    text = generate(torture, "c", types="only", without=declared_names(own))

    compile_c(tmp_path, own + text)
    assert "struct pair {" not in text
    assert "MODE_SLOW" not in text


def test_two_objects_that_share_a_type_go_into_one_program(tmp_path: Path, libbpf: str) -> None:
    shared = "enum what { ONE, TWO }; struct event { enum what what; unsigned bit : 3; long value; };"
    for name in ("left", "right"):
        (tmp_path / name).mkdir()
        package = read_btf(tmp_path / name, shared, "event")
        (tmp_path / f"{name}.skel.h").write_text(generate(package, "c", name))
    use = "int main(void) { return !left__open() || !right__open() || sizeof(struct event) != 16; }\n"

    compile_c(tmp_path, f'#include "left.skel.h"\n#include "right.skel.h"\n{use}', libbpf)
    compile_c(tmp_path, f'#define LEFT_NO_TYPES\n#define RIGHT_NO_TYPES\n{shared}\n#include "left.skel.h"\n'
                        f'#include "right.skel.h"\n{use}', libbpf)  # fmt: skip


def test_names_are_found_in_c_source_but_not_in_its_comments_and_strings() -> None:
    text = (
        "struct a { int x; }; /* struct b { */ // struct c {\n enum { ONE, TWO = 3 };\n"
        'typedef struct { int y; } d_t; typedef union __attribute__((packed)) e { int z; } e_t; char *s = "struct f {";'
        "struct g *use(struct h *);"
    )

    assert declared_names(text) == {"a", "ONE", "TWO", "d_t", "e", "e_t"}


def test_names_that_the_c_library_has_get_a_prefix(tmp_path: Path) -> None:
    package = read_btf(tmp_path, "struct in6_addr { unsigned a[4]; }; struct event { struct in6_addr from; };", "event")

    text = generate(package, "c", "probe", types="only")

    assert "struct probe_in6_addr {" in text
    assert "struct probe_in6_addr from;" in text
    compile_c(tmp_path, "#include <netinet/in.h>\n" + text, *WASM)


@pytest.mark.parametrize(("lang", "comment"), [("c", "/* {} */"), ("rust", "/// {}."), ("go", ": {}.")])
def test_a_type_says_what_has_it(torture: Package, lang: str, comment: str) -> None:
    text = generate(torture, lang, types="only")

    assert comment.format("records of rb, perf" if lang != "rust" else "Records of rb, perf") in text
