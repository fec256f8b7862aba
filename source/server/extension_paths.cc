#include "source/server/extension_paths.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace weir::server {

config::AdminPathHandle ExtensionPaths::add(config::AdminPath path) {
  const uint64_t id = next_id_++;
  entries_.push_back({id, std::make_shared<const config::AdminPath>(std::move(path))});
  return config::AdminPathHandle(*this, id);
}

void ExtensionPaths::remove(uint64_t id) {
  std::erase_if(entries_, [id](const Entry& entry) { return entry.id == id; });
}

std::shared_ptr<const config::AdminPath> ExtensionPaths::find(std::string_view path,
                                                              std::string_view method) const {
  const auto found = std::find_if(entries_.rbegin(), entries_.rend(), [&](const Entry& entry) {
    return entry.path->path == path && entry.path->method == method;
  });
  return found == entries_.rend() ? nullptr : found->path;
}

std::vector<std::shared_ptr<const config::AdminPath>> ExtensionPaths::list() const {
  std::map<std::pair<std::string_view, std::string_view>, std::shared_ptr<const config::AdminPath>>
      all;
  for (const Entry& entry : entries_) all[{entry.path->path, entry.path->method}] = entry.path;
  std::vector<std::shared_ptr<const config::AdminPath>> sorted;
  for (auto& [name, path] : all) sorted.push_back(std::move(path));
  return sorted;
}

}  // namespace weir::server
