#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/shared_dictionary.h"
#include "source/config/diagnostics.h"
#include "source/config/snapshot.h"

namespace weir::config::v1 {
class Config;
}  // namespace weir::config::v1

namespace weir::config {

// The shared dictionaries of a file while it is compiled. Those that there are already, by their
// names, are kept with what they hold. Main-thread only.
class DictionaryCompiler {
 public:
  // What there is now, in whatever configuration somebody still uses.
  using Known = std::map<std::string, std::weak_ptr<base::SharedDictionary>, std::less<>>;

  explicit DictionaryCompiler(Known& known) : known_(known) {}

  // Changes nothing in those that there are.
  void read(const v1::Config& config, const Cursor& at);
  const std::vector<SharedDictionaryConfig>& list() const { return list_; }
  // Null after reporting at `at` that there is no such one.
  std::shared_ptr<base::SharedDictionary> find(std::string_view name, const Cursor& at) const;

 private:
  std::shared_ptr<base::SharedDictionary> dictionaryOf(const std::string& name, uint64_t max_bytes);

  Known& known_;
  std::vector<SharedDictionaryConfig> list_;
  std::vector<std::string> names_;
  bool names_complete_ = true;
};

}  // namespace weir::config
