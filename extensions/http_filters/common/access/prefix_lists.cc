#include "extensions/http_filters/common/access/prefix_lists.h"

#include "extensions/http_filters/common/access/file_reload.h"
#include "source/base/ascii.h"
#include "source/base/concat.h"

namespace weir::extensions::http_filters {
namespace {

constexpr size_t kMaxFileBytes = size_t{64} << 20;

absl::Status append(const PrefixSource& from, uint32_t value,
                    std::vector<network::CidrSet::Entry>& to) {
  for (const network::Prefix& prefix : from.prefixes) to.push_back({prefix, value});
  for (const std::string& file : from.files) {
    const auto text = readSmallFile(file, kMaxFileBytes);
    if (!text.ok()) return text.status();
    const auto prefixes = parsePrefixLines(file, *text);
    if (!prefixes.ok()) return prefixes.status();
    for (const network::Prefix& prefix : *prefixes) to.push_back({prefix, value});
  }
  return {};
}

}  // namespace

absl::StatusOr<std::vector<network::Prefix>> parsePrefixLines(const std::string& name,
                                                              std::string_view text) {
  std::vector<network::Prefix> prefixes;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line = line.substr(0, line.find('#'));
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = base::trimOws(line);
    if (line.empty()) continue;
    const auto prefix = network::Prefix::parse(line);
    if (!prefix.ok()) return fileError(name, number, base::view(prefix.status().message()));
    prefixes.push_back(*prefix);
  }
  return prefixes;
}

absl::StatusOr<std::shared_ptr<const network::CidrSet>> loadPrefixLists(const PrefixSource& allow,
                                                                        const PrefixSource& deny) {
  std::vector<network::CidrSet::Entry> entries;
  absl::Status status = append(deny, kDenied, entries);  // first: the first of equals counts
  if (status.ok()) status = append(allow, kAllowed, entries);
  if (!status.ok()) return status;
  return std::make_shared<const network::CidrSet>(entries);
}

}  // namespace weir::extensions::http_filters
