/* Reading ELF files of 64 bits as libelf does: sections, symbols, strings. The file is one that the host shows (--dir). */
#ifndef EUNOMIA_GELF_H
#define EUNOMIA_GELF_H
#pragma GCC system_header
#include <elf.h>
#include <eunomia/base.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef Elf64_Ehdr GElf_Ehdr;
typedef Elf64_Shdr GElf_Shdr;
typedef Elf64_Phdr GElf_Phdr;
typedef Elf64_Sym GElf_Sym;
typedef Elf64_Rela GElf_Rela;
typedef Elf64_Nhdr GElf_Nhdr;
typedef Elf64_Addr GElf_Addr;
typedef Elf64_Off GElf_Off;
typedef Elf64_Word GElf_Word;
typedef Elf64_Xword GElf_Xword;
#define GELF_ST_BIND ELF64_ST_BIND
#define GELF_ST_TYPE ELF64_ST_TYPE

typedef enum { ELF_C_NULL, ELF_C_READ, ELF_C_READ_MMAP = 8 } Elf_Cmd;
typedef enum { ELF_K_NONE, ELF_K_AR, ELF_K_COFF, ELF_K_ELF } Elf_Kind;
typedef enum { ELF_T_BYTE, ELF_T_SYM = 11 } Elf_Type;
typedef struct Elf Elf;
typedef struct {
	void *d_buf;
	Elf_Type d_type;
	unsigned d_version;
	size_t d_size;
	int64_t d_off;
	size_t d_align;
} Elf_Data;
typedef struct {
	Elf *elf;
	Elf64_Shdr header;
	Elf_Data data;
	size_t index;
} Elf_Scn;
struct Elf {
	char *bytes;
	size_t size, nr_sections;
	Elf64_Ehdr header;
	Elf_Scn *sections;
	bool is_own;
};

static inline unsigned elf_version(unsigned version)
{
	return version <= EV_CURRENT ? EV_CURRENT : EV_NONE;
}

EU_API int elf_errno(void)
{
	return 0;
}

EU_API const char *elf_errmsg(int)
{
	return "no ELF file of 64 bits";
}

EU_API int elf_end(Elf *elf)
{
	if (elf) {
		if (elf->is_own)
			free(elf->bytes);
		free(elf->sections);
		free(elf);
	}
	return 0;
}

EU_API Elf *elf_memory(char *image, size_t size)
{
	Elf *elf = (Elf *)calloc(1, sizeof(*elf));
	size_t i, at;

	if (!elf || size < sizeof(elf->header) || memcmp(image, ELFMAG, SELFMAG) || image[EI_CLASS] != ELFCLASS64)
		return elf_end(elf), (Elf *)NULL;
	elf->bytes = image;
	elf->size = size;
	memcpy(&elf->header, image, sizeof(elf->header));
	elf->nr_sections = elf->header.e_shentsize == sizeof(Elf64_Shdr) ? elf->header.e_shnum : 0;
	if (elf->header.e_shoff > size || (size - elf->header.e_shoff) / sizeof(Elf64_Shdr) < elf->nr_sections)
		elf->nr_sections = 0;
	elf->sections = (Elf_Scn *)calloc(elf->nr_sections + 1, sizeof(*elf->sections));
	for (i = 0; elf->sections && i < elf->nr_sections; i++) {
		Elf_Scn *section = elf->sections + i;

		at = (size_t)elf->header.e_shoff + i * sizeof(Elf64_Shdr);
		memcpy(&section->header, image + at, sizeof(section->header));
		section->elf = elf;
		section->index = i;
		if (section->header.sh_type != SHT_NOBITS && section->header.sh_offset <= size &&
		    section->header.sh_size <= size - section->header.sh_offset) {
			section->data.d_buf = image + section->header.sh_offset;
			section->data.d_size = (size_t)section->header.sh_size;
		}
	}
	return elf;
}

EU_API Elf *elf_begin(int fd, Elf_Cmd, Elf *)
{
	off_t size = lseek(fd, 0, SEEK_END), at = 0;
	char *bytes = size > 0 && size < 1 << 30 ? (char *)malloc((size_t)size) : NULL;
	ssize_t now = 1;
	Elf *elf;

	for (lseek(fd, 0, SEEK_SET); bytes && at < size && now > 0; at += now)
		now = read(fd, bytes + at, (size_t)(size - at));
	elf = bytes && now > 0 ? elf_memory(bytes, (size_t)size) : NULL;
	if (elf)
		elf->is_own = true;
	else
		free(bytes);
	return elf;
}

EU_API Elf_Kind elf_kind(Elf *elf)
{
	return elf ? ELF_K_ELF : ELF_K_NONE;
}

static inline int gelf_getclass(Elf *elf)
{
	return elf ? ELFCLASS64 : ELFCLASSNONE;
}

EU_API GElf_Ehdr *gelf_getehdr(Elf *elf, GElf_Ehdr *out)
{
	return elf ? (GElf_Ehdr *)memcpy(out, &elf->header, sizeof(*out)) : NULL;
}

EU_API int elf_getshdrstrndx(Elf *elf, size_t *index)
{
	*index = elf ? elf->header.e_shstrndx : 0;
	return elf ? 0 : -1;
}

EU_API int elf_getshdrnum(Elf *elf, size_t *count)
{
	*count = elf ? elf->nr_sections : 0;
	return elf ? 0 : -1;
}

EU_API int elf_getphdrnum(Elf *elf, size_t *count)
{
	*count = elf && elf->header.e_phentsize == sizeof(Elf64_Phdr) ? elf->header.e_phnum : 0;
	return elf ? 0 : -1;
}

EU_API GElf_Phdr *gelf_getphdr(Elf *elf, int index, GElf_Phdr *out)
{
	size_t count;

	if (elf_getphdrnum(elf, &count) || index < 0 || (size_t)index >= count || elf->header.e_phoff > elf->size ||
	    (elf->size - elf->header.e_phoff) / sizeof(*out) <= (size_t)index)
		return NULL;
	return (GElf_Phdr *)memcpy(out, elf->bytes + elf->header.e_phoff + (size_t)index * sizeof(*out), sizeof(*out));
}

EU_API Elf_Scn *elf_getscn(Elf *elf, size_t index)
{
	return elf && elf->sections && index < elf->nr_sections ? elf->sections + index : NULL;
}

EU_API Elf_Scn *elf_nextscn(Elf *elf, Elf_Scn *section)
{
	return elf_getscn(elf, section ? section->index + 1 : 1);
}

static inline size_t elf_ndxscn(Elf_Scn *section)
{
	return section ? section->index : 0;
}

EU_API GElf_Shdr *gelf_getshdr(Elf_Scn *section, GElf_Shdr *out)
{
	return section ? (GElf_Shdr *)memcpy(out, &section->header, sizeof(*out)) : NULL;
}

EU_API Elf_Data *elf_getdata(Elf_Scn *section, Elf_Data *before)
{
	return section && !before ? &section->data : NULL;
}
#define elf_rawdata elf_getdata

EU_API GElf_Sym *gelf_getsym(Elf_Data *data, int index, GElf_Sym *out)
{
	if (!data || !data->d_buf || index < 0 || data->d_size / sizeof(*out) <= (size_t)index)
		return NULL;
	return (GElf_Sym *)memcpy(out, (char *)data->d_buf + (size_t)index * sizeof(*out), sizeof(*out));
}

EU_API char *elf_strptr(Elf *elf, size_t section, size_t offset)
{
	Elf_Scn *found = elf_getscn(elf, section);

	if (!found || !found->data.d_buf || offset >= found->data.d_size ||
	    !memchr((char *)found->data.d_buf + offset, 0, found->data.d_size - offset))
		return NULL;
	return (char *)found->data.d_buf + offset;
}
#endif
