#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/cleanup/cleanup.h"

#include "api/weir/config/v1/config.pb.h"
#include "source/base/concat.h"
#include "source/config/compiler.h"
#include "source/config/parsed_file.h"
#include "source/config/snapshot.h"
#include "source/config/text_parser.h"

namespace weir::config {
namespace {

constexpr size_t kMaxFileBytes = 256u << 20;

// Empty when well; else why not.
std::string readFile(const std::string& path, std::string& text) {
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return base::concat("cannot be opened: ", std::strerror(errno));
  const absl::Cleanup close = [file] { std::fclose(file); };
  struct stat facts {};
  if (::fstat(::fileno(file), &facts) == 0 && S_ISDIR(facts.st_mode)) return "is a folder";
  char piece[64 * 1024];
  while (const size_t got = std::fread(piece, 1, sizeof piece, file)) {
    text.append(piece, got);
    if (text.size() > kMaxFileBytes) return "is larger than 256 MiB";
  }
  if (std::ferror(file) != 0) return base::concat("cannot be read: ", std::strerror(errno));
  return {};
}

std::string canonicalText(const v1::Config& config) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetExpandAny(true);
  std::string text;
  printer.PrintToString(config, &text);
  text.shrink_to_fit();  // it grew by doubling, and stays
  return text;
}

std::string canonicalJson(const v1::Config& config) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.add_whitespace = true;
  std::string json;
  // Cannot fail: the messages within are those of extensions that were found.
  (void)google::protobuf::util::MessageToJsonString(config, &json, options);
  json.shrink_to_fit();
  return json;
}

}  // namespace

struct Loader::State {
  const base::Registry& registry;
  stats::Store& stats;
  Compiler::Usages usages;
};

Loader::Loader(const base::Registry& registry, stats::Store& stats)
    : state_(new State{registry, stats, {}}) {}

Loader::~Loader() = default;

std::shared_ptr<const Snapshot> Loader::loadFile(const std::string& path, uint64_t version,
                                                 Diagnostics& diagnostics) {
  std::string text;
  const std::string problem = readFile(path, text);
  if (problem.empty()) return loadText(text, path, version, diagnostics);
  diagnostics.add({.file = path, .field_path = {}, .what = problem, .right = {}});
  return nullptr;
}

std::shared_ptr<const Snapshot> Loader::loadText(std::string_view text,
                                                 const std::string& file_name, uint64_t version,
                                                 Diagnostics& diagnostics) {
  Diagnostics found;
  ParsedFile file(file_name, found);
  v1::Config config;
  auto snapshot = std::make_shared<Snapshot>();
  if (parseText(text, state_->registry, file, config)) {
    Compiler(state_->registry, state_->stats, state_->usages)
        .compile(config, file.rootCursor(), *snapshot);
  }
  std::erase_if(state_->usages, [](const auto& entry) { return entry.second.expired(); });
  for (const Diagnostic& diagnostic : found.list()) diagnostics.add(diagnostic);
  if (!found.ok()) return nullptr;
  snapshot->version = version;
  snapshot->text = canonicalText(config);
  snapshot->json = canonicalJson(config);
  return snapshot;
}

}  // namespace weir::config
