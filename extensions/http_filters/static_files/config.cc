#include "extensions/http_filters/static_files/config.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "api/weir/extensions/http_filters/static_files/v1/static_files.pb.h"
#include "extensions/http_filters/static_files/file_path.h"
#include "extensions/http_filters/static_files/static_files.h"
#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/config/fields.h"
#include "source/http/semantics.h"

namespace weir::extensions::http_filters::static_files {
namespace {

using common::codecs::Coding;

constexpr int kMostNames = 16;
constexpr int kMostTypes = 1000;

std::string readRoot(const v1::StaticFiles& from, const config::Cursor& at) {
  if (from.root().empty()) return {};
  const config::Cursor here = at.field("root");
  std::string root = here.resolvePath(from.root());
  std::error_code error;
  if (!std::filesystem::is_directory(root, error)) {
    here.error(base::concat("folder \"", root, "\" does not exist"), "make it, or name another");
  }
  return root;
}

void readIndex(const v1::StaticFiles& from, const config::Cursor& at, StaticFilesPolicy& to) {
  if (from.index().empty()) return;
  if (from.index_size() > kMostNames) at.field("index").error("are too many", "at most 16");
  to.index.clear();
  for (int i = 0; i < from.index_size(); ++i) {
    const std::string& name = from.index(i);
    const auto path = filePath(name, /*hidden=*/true);
    if (!path || *path != name || name.empty() || name.find('/') != std::string::npos) {
      at.at("index", i)
          .error(base::concat("\"", name, "\" is no name of a file"),
                 "write one, as \"index.html\"");
    }
    to.index.push_back(name);
  }
}

bool isExtension(std::string_view text) {
  return !text.empty() && text.size() <= 31 && text.find_first_of("./") == std::string_view::npos &&
         base::lowered(text) == text;
}

void readTypes(const v1::StaticFiles& from, const config::Cursor& at, MediaTypeTable& to) {
  const config::Cursor here = at.field("types");
  if (from.types_size() > kMostTypes) here.error("are too many", "at most 1000");
  std::vector<std::string> extensions;
  for (const auto& [extension, type] : from.types()) extensions.push_back(extension);
  std::sort(extensions.begin(), extensions.end());
  for (const std::string& extension : extensions) {
    const std::string& type = from.types().at(extension);
    if (!isExtension(extension)) {
      here.error(base::concat("\"", extension, "\" is no extension"),
                 "write it in lower case, without the dot, up to 31 bytes");
    }
    if (type.empty() || !http::isFieldValue(type)) {
      here.error(base::concat("\"", extension, "\" has no media type"),
                 "write one, as \"text/csv\"");
    }
    to.set(extension, type);
  }
  if (from.default_type().empty()) return;
  if (!http::isFieldValue(from.default_type())) {
    at.field("default_type").error("is no media type", "write one, as \"text/plain\"");
  }
  to.setDefault(from.default_type());
}

void readPrecompressed(const v1::StaticFiles& from, const config::Cursor& at,
                       std::vector<Coding>& to) {
  for (int i = 0; i < from.precompressed_size(); ++i) {
    Coding coding = Coding::kGzip;
    switch (from.precompressed(i)) {
      case v1::StaticFiles::GZIP:
        break;
      case v1::StaticFiles::BROTLI:
        coding = Coding::kBrotli;
        break;
      case v1::StaticFiles::ZSTD:
        coding = Coding::kZstd;
        break;
      default:
        at.at("precompressed", i).error("is no coding", "write BROTLI, ZSTD or GZIP");
        continue;
    }
    if (std::find(to.begin(), to.end(), coding) != to.end()) {
      at.at("precompressed", i).error("stands there already", "write each coding once");
    }
    to.push_back(coding);
  }
}

std::shared_ptr<const StaticFilesPolicy> readPolicy(const v1::StaticFiles& from,
                                                    const config::Cursor& at) {
  auto to = std::make_shared<StaticFilesPolicy>();
  to->root = readRoot(from, at);
  if (!from.prefix().empty()) to->prefix = from.prefix();
  if (!to->prefix.starts_with('/') || !to->prefix.ends_with('/')) {
    at.field("prefix").error("does not begin and end with \"/\"", "write \"/assets/\"");
  }
  readIndex(from, at, *to);
  readTypes(from, at, to->types);
  readPrecompressed(from, at, to->precompressed);
  if (!http::isFieldValue(from.cache_control())) {
    at.field("cache_control").error("is no value of a field", "write \"public, max-age=3600\"");
  }
  to->cache_control = from.cache_control();
  to->fall_through = from.fall_through();
  to->fallback = from.fallback();
  const auto fallback = filePath(to->fallback, /*hidden=*/true);
  if (!fallback || *fallback != to->fallback || to->fallback.ends_with('/')) {
    at.field("fallback").error("is no path of a file below the root", "write \"index.html\"");
  }
  if (to->fall_through && !to->fallback.empty()) {
    at.field("fallback")
        .error("is served instead of what would go on by `fall_through`", "leave one of them out");
  }
  to->hidden_files = from.hidden_files();
  return to;
}

}  // namespace

std::shared_ptr<const http::HttpFilterFactory> StaticFilesExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::StaticFiles&>(config);
  const std::string name =
      from.stat_prefix().empty() ? std::string(context.listener_name) : from.stat_prefix();
  const auto counter = [&](std::string_view metric, std::string_view help) {
    return context.stats.counter(metric, help, {{"filter", name}});
  };
  StaticFilesConfig to;
  to.policy = readPolicy(from, at);
  to.stats = {
      .served = counter("static_files_served_total", "Requests answered with files."),
      .not_modified = counter("static_files_not_modified_total", "Requests answered with 304."),
      .not_found = counter("static_files_not_found_total", "Requests answered with 404."),
      .failed = counter("static_files_failed_total", "Files that could not be read."),
      .bytes = counter("static_files_bytes_total", "Bytes of bodies, as announced."),
  };
  return std::make_shared<StaticFilesFilterFactory>(std::move(to));
}

std::shared_ptr<const http::RouteFilterConfig> StaticFilesExtension::compileRoute(
    const google::protobuf::Message& config, const http::HttpFilterFactory&,
    const config::Cursor& at, config::CompileContext&) const {
  const auto& from = static_cast<const v1::StaticFiles&>(config);
  if (!from.stat_prefix().empty()) {
    at.field("stat_prefix")
        .error("belongs to the filter, in the connection manager", "leave it out here");
  }
  return readPolicy(from, at);
}

}  // namespace weir::extensions::http_filters::static_files
