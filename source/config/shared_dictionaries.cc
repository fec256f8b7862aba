#include "source/config/shared_dictionaries.h"

#include <algorithm>

#include "api/weir/config/v1/config.pb.h"
#include "source/base/concat.h"
#include "source/config/extension_types.h"
#include "source/config/fields.h"

namespace weir::config {
namespace {

using base::SharedDictionary;

constexpr uint64_t kDefaultBytes = uint64_t{1} << 20;
constexpr size_t kMaxName = 128;

bool isNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '-';
}

// Reports a name that cannot be one. False: there is none.
bool checkName(const std::string& name, const Cursor& at) {
  if (!require(name, at, "scripts and plugins refer to it")) return false;
  if (name.size() > kMaxName || !std::all_of(name.begin(), name.end(), isNameCharacter)) {
    at.error("cannot be the name of a dictionary",
             base::concat("use at most ", kMaxName, " of A-Z, a-z, 0-9, \"_\", \".\" and \"-\""));
  }
  return true;
}

}  // namespace

void DictionaryCompiler::read(const v1::Config& config, const Cursor& at) {
  std::map<std::string, int> names;
  for (int i = 0; i < config.shared_dictionaries_size(); ++i) {
    const auto& from = config.shared_dictionaries(i);
    const Cursor here = at.at("shared_dictionaries", i);
    if (!checkName(from.name(), here.field("name"))) names_complete_ = false;
    checkUnique(from.name(), i, names, "shared dictionary", here.field("name"));
    const uint64_t max_bytes = readNumberOr(
        from.max_bytes(), kDefaultBytes,
        {SharedDictionary::kLeastBytes, SharedDictionary::kMostBytes}, here.field("max_bytes"));
    if (!here.diagnostics().ok()) continue;  // there will be no snapshot
    list_.push_back({dictionaryOf(from.name(), max_bytes), max_bytes});
  }
  for (const auto& [name, index] : names) names_.push_back(name);
}

std::shared_ptr<SharedDictionary> DictionaryCompiler::dictionaryOf(const std::string& name,
                                                                   uint64_t max_bytes) {
  std::weak_ptr<SharedDictionary>& known = known_[name];
  std::shared_ptr<SharedDictionary> dictionary = known.lock();
  if (dictionary == nullptr) {
    dictionary = std::make_shared<SharedDictionary>(name, max_bytes);
    known = dictionary;
  }
  return dictionary;
}

std::shared_ptr<SharedDictionary> DictionaryCompiler::find(std::string_view name,
                                                           const Cursor& at) const {
  for (const SharedDictionaryConfig& entry : list_) {
    if (entry.dictionary->name() == name) return entry.dictionary;
  }
  if (!require(name, at, "name one of shared_dictionaries") || !names_complete_) return nullptr;
  if (std::binary_search(names_.begin(), names_.end(), name)) return nullptr;
  at.error(base::concat("there is no shared dictionary \"", name, "\""),
           names_.empty() ? "the file defines none: add shared_dictionaries { name: … }"
                          : suggestion(name, names_));
  return nullptr;
}

}  // namespace weir::config
