// What a plugin's entry function returns, of arbitrary bytes and with arbitrary claims of size.
// Held to: no byte is read behind what a struct claims (each lies in memory of just that size,
// which AddressSanitizer watches), and what is taken has well-formed names.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "source/plugin/loader.h"
#include "test/fuzz/entry_point.h"

namespace {

using namespace weir;

constexpr uint32_t kMostClaimed = 64 * 1024;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

// A struct of the size that the first bytes of `data` claim, in memory of its own.
class Struct {
 public:
  Struct(const uint8_t*& data, size_t& left, size_t least) {
    uint32_t claimed = 0;
    std::memcpy(&claimed, data, std::min(left, sizeof claimed));
    // Claims that no memory could have are refused by the claim alone.
    const size_t size = std::max<size_t>(claimed <= kMostClaimed ? claimed : 0, least);
    bytes_ = std::make_unique<uint8_t[]>(size);
    const size_t taken = std::min(left, size);
    if (taken > 0) std::memcpy(bytes_.get(), data, taken);
    std::memcpy(bytes_.get(), &claimed, sizeof claimed);
    data += taken;
    left -= taken;
    size_ = size;
  }
  uint8_t* data() { return bytes_.get(); }
  // Where a pointer of the plugin stands it gets one that can be followed.
  template <class T>
  void put(size_t offset, const T& value) {
    if (offset + sizeof value <= size_) std::memcpy(data() + offset, &value, sizeof value);
  }

 private:
  std::unique_ptr<uint8_t[]> bytes_;
  size_t size_ = 0;
};

// A text of a plugin: its size stays hostile only as far as the memory behind it goes.
weir_str textOf(const uint8_t* data, size_t left, uint8_t length) {
  return {reinterpret_cast<const char*>(data), std::min<size_t>(left, length)};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 8) return 0;
  const uint8_t choice = data[0];
  const uint8_t name_bytes = data[1] % 80;
  ++data, ++data, size -= 2;
  Struct kind(data, size, sizeof(uint32_t));
  Struct plugin(data, size, offsetof(weir_plugin, kind_count));
  // What is left are the names.
  const weir_str name = textOf(data, size, name_bytes);
  kind.put(offsetof(weir_kind, name), name);
  kind.put(offsetof(weir_kind, about), name);
  kind.put(offsetof(weir_kind, config_descriptor), (choice & 1) != 0 ? name : weir_str{});
  kind.put(offsetof(weir_kind, config_message), (choice & 2) != 0 ? name : weir_str{});
  const auto* const raw_kind = reinterpret_cast<const weir_kind*>(kind.data());
  const std::vector<const weir_kind*> kinds(64, (choice & 4) != 0 ? nullptr : raw_kind);
  plugin.put(offsetof(weir_plugin, name), name);
  plugin.put(offsetof(weir_plugin, version), name);
  plugin.put(offsetof(weir_plugin, about), name);
  plugin.put(offsetof(weir_plugin, kinds), kinds.data());
  if ((choice & 8) != 0) {
    plugin.put(offsetof(weir_plugin, abi_major), uint32_t{WEIR_PLUGIN_ABI_MAJOR});
    plugin.put(offsetof(weir_plugin, abi_minor), uint32_t{0});
  }

  plugin::Plugin described{std::string()};
  const absl::Status status =
      plugin::describePlugin(reinterpret_cast<const weir_plugin*>(plugin.data()), described);
  if (!status.ok()) {
    require(!status.message().empty(), "an error says what is wrong");
    return 0;
  }
  require(!described.kinds().empty() && described.kinds().size() <= 64, "one to 64 kinds");
  for (const auto& kind_read : described.kinds()) {
    const std::string& its = kind_read->name();
    require(!its.empty() && its.size() <= 64 && its[0] >= 'a' && its[0] <= 'z', "names");
  }
  return 0;
}
