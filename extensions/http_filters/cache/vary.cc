#include "extensions/http_filters/cache/vary.h"

#include <algorithm>

#include "extensions/http_filters/cache/cache_control.h"
#include "source/base/ascii.h"
#include "source/http/semantics.h"

namespace weir::extensions::http_filters::cache {
namespace {

using http::HeaderId;
using http::HeaderMap;

// In these lists neither case nor order tells anything (RFC 9110 12.5.3, 12.5.4), as weights do.
bool isWeighted(std::string_view name) {
  return name == "accept-encoding" || name == "accept-language" || name == "accept-charset";
}

template <class F>
void forEachElement(const HeaderMap& fields, std::string_view name, F&& visit) {
  for (const HeaderMap::Field& field : fields.fields()) {
    if (field.removed || !base::equalsIgnoreCase(field.name, name)) continue;
    std::string_view list = field.value;
    std::string_view element;
    while (nextListElement(list, element)) visit(element);
  }
}

// Without white space inside: "gzip ; q=1" is "gzip;q=1".
std::string normalised(std::string_view element) {
  std::string text;
  for (const char c : element) {
    if (c != ' ' && c != '\t') text.push_back(base::toLower(c));
  }
  return text;
}

void appendWeighted(std::string_view name, const HeaderMap& request, std::string& to) {
  std::vector<std::string> elements;
  forEachElement(request, name, [&](std::string_view e) { elements.push_back(normalised(e)); });
  std::sort(elements.begin(), elements.end());
  elements.erase(std::unique(elements.begin(), elements.end()), elements.end());
  for (const std::string& element : elements) to.append(element).push_back(',');
}

}  // namespace

std::vector<std::string> readVary(const HeaderMap& response) {
  std::vector<std::string> names;
  forEachElement(response, "vary", [&](std::string_view e) { names.push_back(base::lowered(e)); });
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

bool varyIsAny(const HeaderMap& response) {
  if (!response.has(HeaderId::kVary)) return false;
  bool any = false;
  forEachElement(response, "vary", [&](std::string_view element) {
    any |= element == "*" || !http::isToken(element);
  });
  return any;
}

void appendVaryKey(const std::vector<std::string>& names, const HeaderMap& request,
                   std::string& to) {
  for (const std::string& name : names) {
    if (isWeighted(name)) {
      appendWeighted(name, request, to);
    } else if (name == "host") {
      // It is part of the primary key.
    } else {
      forEachElement(request, name, [&](std::string_view e) { to.append(e).push_back(','); });
    }
    // Absent is not empty.
    to.push_back(request.has(name) ? '\n' : '\r');
  }
}

}  // namespace weir::extensions::http_filters::cache
