// Requests of JSON clients: the first line is "METHOD TARGET", the rest the body, whose first line
// is tried as a path template besides. Held to: what is taken as a message is one, and comes back
// as JSON that is taken again and means the same; pieces make no difference to streams of values; a
// template's variables are parts of the paths it matches.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "extensions/http_filters/grpc_json_transcoder/json_values.h"
#include "source/base/concat.h"
#include "test/extensions/http_filters/grpc_json_transcoder/descriptor_sets.h"
#include "test/fuzz/entry_point.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

std::string valuesOf(std::string_view body, size_t piece) {
  JsonValueReader reader(4096);
  std::string out;
  std::string_view value;
  const auto take = [&](JsonValueReader::Result result) {
    for (; result == JsonValueReader::Result::kValue; result = reader.next(value)) {
      require(isOneJsonValue(value), "a value of a stream is one value");
      out += base::concat(value, "|");
    }
    return result == JsonValueReader::Result::kMore;
  };
  for (size_t at = 0; at < body.size(); at += piece) {
    reader.add(body.substr(at, piece));
    if (!take(reader.next(value))) return out + "!";
  }
  if (!take(reader.finish(value))) out += "!";
  return out;
}

void callAndBack(const Transcoding& transcoding, const Binding& binding, std::string_view path,
                 std::string_view query, std::string_view body) {
  auto message = transcoding.parameters(binding, path, query);
  if (!message.ok()) return;
  std::string whole;
  if (!transcoding.requestMessage(binding, body, "text/plain", whole).ok()) return;
  whole += *message;
  const std::string& type = binding.method->request->full_name();
  const MessageTypes& types = transcoding.types();
  require(textOf(types, type, whole) != "malformed", "a message is made");
  std::string json;
  if (!types.toJson(type, whole, {}, 1 << 20, json).ok()) return;  // an unknown type in an Any
  std::string again;
  if (!types.toBinary(type, json, {}, again).ok()) return;  // not every double has a JSON form
  std::string same;
  require(types.toJson(type, again, {}, 1 << 20, same).ok(), "what was read can be written");
  require(json == same, "JSON to message to JSON changes nothing");
}

void tryTemplate(std::string_view text, std::string_view path) {
  const auto parsed = parsePathTemplate(text);
  if (!parsed.ok()) return;
  PathTrie trie;
  require(!trie.add(*parsed, 7), "the first is no conflict");
  require(trie.add(*parsed, 8) == 7u, "the second is");
  if (!trie.match(path)) return;
  for (const PathTemplate::Variable& variable : parsed->variables) {
    const std::string_view part = captured(path, *parsed, variable);
    require(path.find(part) != std::string_view::npos, "a variable is a part of the path");
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::grpc_json_transcoder

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace weir::extensions::http_filters::grpc_json_transcoder;
  static const auto kShelves = shelves({.auto_mapping = true});
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t line = std::min(input.find('\n'), input.size());
  const std::string_view body = input.substr(std::min(line + 1, input.size()));
  const size_t space = std::min(input.find(' '), line);
  const std::string_view method = input.substr(0, space);
  const std::string_view target =
      input.substr(std::min(space + 1, line), line - std::min(space + 1, line));
  const size_t question = std::min(target.find('?'), target.size());
  const std::string_view path = target.substr(0, question);
  const std::string_view query = target.substr(std::min(question + 1, target.size()));
  tryTemplate(body.substr(0, std::min(body.find('\n'), body.size())), path);
  require(valuesOf(body, 1) == valuesOf(body, body.size() + 1), "pieces make no difference");
  if (const Binding* binding = kShelves->match(method, path)) {
    callAndBack(*kShelves, *binding, path, query, body);
  }
  return 0;
}
