#include "source/plugin/elf.h"

#include <elf.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "source/base/concat.h"

namespace weir::plugin {
namespace {

static_assert(sizeof(Elf64_Ehdr) == kElfHeadBytes);

#if defined(__x86_64__)
constexpr uint16_t kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr uint16_t kMachine = EM_AARCH64;
#elif defined(__riscv)
constexpr uint16_t kMachine = EM_RISCV;
#elif defined(__powerpc64__)
constexpr uint16_t kMachine = EM_PPC64;
#elif defined(__s390x__)
constexpr uint16_t kMachine = EM_S390;
#else
#error "which ELF machine is this?"
#endif
constexpr unsigned char kClass = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
constexpr unsigned char kData =
    std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;

std::string machineName(uint16_t machine) {
  switch (machine) {
    case EM_386:
      return "x86 with 32 bits";
    case EM_X86_64:
      return "x86-64";
    case EM_ARM:
      return "ARM with 32 bits";
    case EM_AARCH64:
      return "AArch64";
    case EM_RISCV:
      return "RISC-V";
    case EM_PPC64:
      return "PowerPC with 64 bits";
    case EM_S390:
      return "s390";
    default:
      return base::concat("machine ", machine);
  }
}

std::string_view typeName(uint16_t type) {
  switch (type) {
    case ET_REL:
      return "an object file that was not linked";
    case ET_EXEC:
      return "a program";
    case ET_CORE:
      return "a core dump";
    default:
      return "of an unknown type";
  }
}

absl::Status wrong(std::string_view what, std::string_view right) {
  return absl::InvalidArgumentError(base::concat(what, "; ", right));
}

}  // namespace

absl::Status checkElf(std::span<const char> head, size_t file_bytes) {
  constexpr std::string_view kLink = "link it with -shared";
  Elf64_Ehdr elf{};
  std::memcpy(&elf, head.data(), std::min(head.size(), sizeof elf));
  if (head.size() < SELFMAG || std::memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0) {
    return wrong("is no shared object (no ELF file)", "name the .so of a plugin");
  }
  if (head.size() < sizeof elf) return wrong("is truncated within its head", "copy it again");
  if (elf.e_ident[EI_DATA] != kData || elf.e_ident[EI_CLASS] != kClass ||
      elf.e_machine != kMachine) {
    const bool same_order = elf.e_ident[EI_DATA] == kData;
    const std::string is = same_order ? machineName(elf.e_machine) : "the other byte order";
    return wrong(base::concat("is built for another machine: ", is),
                 base::concat("build it for ", machineName(kMachine)));
  }
  if (elf.e_type != ET_DYN) {
    return wrong(base::concat("is no shared object but ", typeName(elf.e_type)), kLink);
  }
  const uint64_t sections_end = elf.e_shoff + uint64_t{elf.e_shnum} * elf.e_shentsize;
  const uint64_t programs_end = elf.e_phoff + uint64_t{elf.e_phnum} * elf.e_phentsize;
  if (elf.e_shoff > file_bytes || elf.e_phoff > file_bytes || sections_end > file_bytes ||
      programs_end > file_bytes) {
    return wrong(base::concat("is truncated: it has ", file_bytes, " of at least ",
                              std::max(sections_end, programs_end), " bytes"),
                 "copy it again");
  }
  return absl::OkStatus();
}

}  // namespace weir::plugin
