#include "source/plugin/loader.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <vector>

#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/plugin/config_type.h"
#include "source/plugin/kinds.h"
#include "source/plugin/report.h"
#include "source/plugin/shared_object.h"

namespace weir::plugin {
namespace {

constexpr size_t kMaxName = 64;
constexpr size_t kMaxText = 1024;
constexpr uint32_t kMaxKinds = 64;
constexpr size_t kMaxDescriptor = 16u << 20;
// No struct of this ABI comes near; what claims more has not set its size.
constexpr uint32_t kMaxStruct = 64 * 1024;
// All of ABI 1.0, which never becomes less.
constexpr uint32_t kLeastPlugin = offsetof(weir_plugin, kinds) + sizeof(weir_plugin::kinds);

absl::Status wrong(std::string_view what, std::string_view right = {}) {
  return absl::InvalidArgumentError(base::concat(what, right.empty() ? "" : "; ", right));
}

// Lower-case letters, digits and "_", beginning with a letter.
bool isName(std::string_view name) {
  if (name.empty() || name.size() > kMaxName || name[0] < 'a' || name[0] > 'z') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// Bytes of a plugin that go into a message.
std::string shown(std::string_view text) {
  std::string out(text.substr(0, kMaxName));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return out;
}

absl::Status checkSize(std::string_view what, uint32_t size, size_t least) {
  if (size >= least && size <= kMaxStruct) return absl::OkStatus();
  return wrong(base::concat(what, " says that its size is ", size, " bytes"),
               base::concat("set size to sizeof the struct; ABI 1.0 has ", least));
}

absl::Status checkText(std::string_view what, const weir_str& text) {
  if (text.size <= kMaxText) return absl::OkStatus();
  return wrong(base::concat(what, " has ", text.size, " bytes"),
               base::concat("at most ", kMaxText, " are allowed"));
}

// The first members are where they are in all major versions.
absl::Status checkVersion(const weir_plugin& plugin) {
  const std::string own = base::concat(WEIR_PLUGIN_ABI_MAJOR, ".", WEIR_PLUGIN_ABI_MINOR);
  const std::string its = base::concat(plugin.abi_major, ".", plugin.abi_minor);
  if (plugin.abi_major != WEIR_PLUGIN_ABI_MAJOR) {
    return wrong(base::concat("is built for ABI ", its, " of plugins, and this Weir has ", own),
                 "build it with this Weir's plugin.h");
  }
  if (plugin.abi_minor > WEIR_PLUGIN_ABI_MINOR) {
    return wrong(base::concat("needs at least ABI ", its, " of plugins, and this Weir has ", own),
                 "use a newer Weir, or build it with an older plugin.h");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<const ConfigType>> configTypeOf(const weir_kind& head,
                                                               std::string_view category) {
  const std::string_view message = view(head.config_message);
  const std::string_view descriptor = view(head.config_descriptor);
  if (message.empty() != descriptor.empty()) {
    return wrong("has only one of config_descriptor and config_message", "give both, or none");
  }
  if (message.empty()) return ConfigType::plainText(category, view(head.name));
  if (descriptor.size() > kMaxDescriptor || message.size() > kMaxText) {
    return wrong("has a config_descriptor or config_message that is too large");
  }
  return ConfigType::describe(descriptor, message);
}

// One entry of weir_plugin.kinds.
absl::Status addKind(Plugin& plugin, const weir_kind* raw) {
  if (raw == nullptr) return wrong("is NULL");
  if (absl::Status size = checkSize("it", claimedSize(raw), sizeof(weir_kind)); !size.ok())
    return size;
  weir_kind head;
  std::memcpy(&head, raw, sizeof head);
  const KindType* const type = findKindType(head.type);
  if (type == nullptr) {
    return wrong(base::concat("is of type ", head.type, ", which this Weir does not know"),
                 "use one of WEIR_HTTP_FILTER, …");
  }
  if (absl::Status size = checkSize("it", head.size, type->least_size); !size.ok()) return size;
  const std::string_view name = view(head.name);
  if (head.name.size > kMaxName || !isName(name)) {
    return wrong(
        base::concat("has the name \"", shown(name), "\""),
        "a name has lower-case letters, digits and \"_\", begins with a letter, and has at "
        "most 64 bytes");
  }
  if (absl::Status text = checkText("about", head.about); !text.ok()) return text;
  if (const std::string problem = type->check(raw); !problem.empty()) {
    return wrong(base::concat("(", type->category, "/", name, ") ", problem));
  }
  for (const auto& other : plugin.kinds()) {
    if (other->category() != type->category || other->name() != name) continue;
    return absl::AlreadyExistsError(base::concat("is a second ", type->category, "/", name));
  }
  auto config_type = configTypeOf(head, type->category);
  if (!config_type.ok()) {
    return wrong(
        base::concat("(", type->category, "/", name, ") ", config_type.status().message()));
  }
  plugin.addKind(
      std::make_unique<const Kind>(plugin, raw, type->category, *std::move(config_type)));
  return absl::OkStatus();
}

// Never destroyed; on a list, so that it does not count as lost.
Plugin* newPlugin(const std::string& name) {
  static auto& kept = *new std::vector<Plugin*>;
  return kept.emplace_back(new Plugin(name));
}

absl::Status checkHash(const PluginRequest& request, const SharedObject& object) {
  if (request.sha256.empty() || base::equalsIgnoreCase(request.sha256, object.sha256())) {
    return absl::OkStatus();
  }
  return wrong(base::concat("has the SHA-256 ", object.sha256(), ", not ", request.sha256),
               "install the file that was meant, or name this one's hash when you trust it");
}

}  // namespace

absl::Status describePlugin(const weir_plugin* raw, Plugin& plugin) {
  // What never changes comes first: the size, and the version that explains all the rest.
  weir_plugin described{};
  std::memcpy(&described, raw, offsetof(weir_plugin, kind_count));
  if (absl::Status size = checkSize("weir_plugin", described.size, kLeastPlugin); !size.ok()) {
    const absl::Status version = checkVersion(described);
    return version.ok() ? size : version;
  }
  if (absl::Status version = checkVersion(described); !version.ok()) return version;
  described = readStruct<weir_plugin>(raw);
  const std::string_view name = view(described.name);
  if (described.name.size > kMaxName || !isName(name)) {
    return wrong(base::concat("calls itself \"", shown(name), "\""),
                 "a name has lower-case letters, digits and \"_\", and begins with a letter");
  }
  for (const weir_str& text : {described.version, described.about}) {
    if (absl::Status bound = checkText("version or about", text); !bound.ok()) return bound;
  }
  Plugin::Facts& facts = plugin.mutableFacts();
  if (!facts.name.empty() && facts.name != name) {
    return wrong(base::concat("calls itself \"", name, "\", not \"", facts.name, "\""),
                 base::concat("write name: \"", name, "\""));
  }
  plugin.rename(std::string(name));
  facts.version = shown(view(described.version));
  facts.about = view(described.about);
  facts.abi_major = described.abi_major;
  facts.abi_minor = described.abi_minor;
  if (described.kind_count == 0 || described.kind_count > kMaxKinds || described.kinds == nullptr) {
    return wrong(base::concat("offers ", described.kind_count, " kinds",
                              described.kinds == nullptr ? " at NULL" : ""),
                 base::concat("1 to ", kMaxKinds, " are possible"));
  }
  for (uint32_t i = 0; i < described.kind_count; ++i) {
    const absl::Status added = addKind(plugin, described.kinds[i]);
    if (!added.ok()) return wrong(base::concat("kind ", i, " ", added.message()));
  }
  return absl::OkStatus();
}

absl::StatusOr<Plugin*> loadPlugin(const PluginRequest& request) {
  auto object = SharedObject::open(request.path);
  if (!object.ok()) return object.status();
  if (absl::Status hash = checkHash(request, *object); !hash.ok()) return hash;
  const auto entry = object->load();
  if (!entry.ok()) return entry.status();

  Plugin* const plugin = newPlugin(request.name);
  Plugin::Facts& facts = plugin->mutableFacts();
  facts.path = request.path;
  facts.sha256 = object->sha256();
  facts.slow_callback = request.slow_callback;
  Report report;
  const weir_plugin* const raw = (*entry)(plugin->host(), report.handle());
  if (!report.empty()) return wrong(base::concat("cannot serve: ", report.text()));
  if (raw == nullptr) {
    return wrong("cannot serve, and does not say why",
                 "let it call report() before it returns NULL");
  }
  if (absl::Status read = describePlugin(raw, *plugin); !read.ok()) return read;
  return plugin;
}

absl::Status registerKinds(const Plugin& plugin, base::Registry& registry) {
  for (const auto& kind : plugin.kinds()) {
    absl::Status added = registry.add(findKindType(kind->head().type)->make(*kind));
    if (added.ok()) continue;
    const auto* const taken = registry.find(kind->category(), kind->name());
    const auto* const own = dynamic_cast<const config::OwnMessage*>(taken);
    return absl::AlreadyExistsError(
        base::concat("offers ", kind->category(), "/", kind->name(), ", which ",
                     taken == nullptr ? std::string(base::view(added.message()))
                     : own == nullptr ? std::string("is one of Weir's own")
                                      : base::concat("is taken by ", own->origin()),
                     "; plugins have names of their own for what they offer"));
  }
  return absl::OkStatus();
}

}  // namespace weir::plugin
