#include "test/support/exchanges.h"

#include <algorithm>
#include <array>
#include <functional>

namespace weir::test {
namespace {

constexpr size_t kShownBytes = 200;

std::string textOf(const std::multimap<std::string, std::string>& fields) {
  std::string text;
  for (const auto& [name, value] : fields) {
    if (endToEnd(name)) text += "  " + name + ": " + value + "\n";
  }
  return text;
}

std::string textOf(const std::string& body) {
  if (body.size() <= kShownBytes) return "\"" + body + "\"";
  return std::to_string(body.size()) + " bytes, hash " +
         std::to_string(std::hash<std::string>()(body));
}

// How long the body was said to be.
std::string lengthOf(const Seen& seen) {
  const auto announced = seen.headers.find("content-length");
  if (announced != seen.headers.end() && announced->second != "0") return announced->second;
  return seen.body.empty() && seen.trailers.empty() ? "none" : "unknown";
}

}  // namespace

bool endToEnd(std::string_view name) {
  constexpr std::array<std::string_view, 13> kNot = {"connection",
                                                     "content-length",
                                                     "date",
                                                     "host",
                                                     "keep-alive",
                                                     "sec-websocket-accept",
                                                     "sec-websocket-key",
                                                     "transfer-encoding",
                                                     "upgrade",
                                                     "via",
                                                     "x-request-id",
                                                     "proxy-connection",
                                                     ""};
  return !name.starts_with(':') && std::find(kNot.begin(), kNot.end(), name) == kNot.end();
}

HeaderList Exchange::requestHeaders() const {
  HeaderList list = {{"x-exchange", name}};
  list.insert(list.end(), request.headers.begin(), request.headers.end());
  if (request.awaits_continue) list.emplace_back("expect", "100-continue");
  if (request.websocket) list.emplace_back("sec-websocket-version", "13");
  return list;
}

std::string Seen::text() const {
  std::string text = line + "\n";
  for (const std::string& head : interim) text += "  interim " + head + "\n";
  text += textOf(headers);
  if (end == "broken") return text + "broken\n";
  text += "  length " + lengthOf(*this) + "\n  body " + textOf(body) + "\n";
  if (!trailers.empty()) text += "trailers\n" + textOf(trailers);
  return text + end + "\n";
}

}  // namespace weir::test
