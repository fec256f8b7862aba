#include "extensions/http_filters/static_files/media_types.h"

#include <algorithm>
#include <array>
#include <utility>

#include "source/base/ascii.h"

namespace weir::extensions::http_filters::static_files {
namespace {

// What sites are made of, sorted by extension. Texts are UTF-8 today.
constexpr auto kUsual = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"7z", "application/x-7z-compressed"},
    {"aac", "audio/aac"},
    {"apng", "image/apng"},
    {"atom", "application/atom+xml"},
    {"avif", "image/avif"},
    {"bmp", "image/bmp"},
    {"bz2", "application/x-bzip2"},
    {"css", "text/css; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"eot", "application/vnd.ms-fontobject"},
    {"epub", "application/epub+zip"},
    {"flac", "audio/flac"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"htm", "text/html; charset=utf-8"},
    {"html", "text/html; charset=utf-8"},
    {"ico", "image/vnd.microsoft.icon"},
    {"ics", "text/calendar; charset=utf-8"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"jsonld", "application/ld+json"},
    {"m3u8", "application/vnd.apple.mpegurl"},
    {"m4a", "audio/mp4"},
    {"map", "application/json"},
    {"md", "text/markdown; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"mpd", "application/dash+xml"},
    {"oga", "audio/ogg"},
    {"ogg", "audio/ogg"},
    {"ogv", "video/ogg"},
    {"opus", "audio/ogg"},
    {"otf", "font/otf"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"rss", "application/rss+xml"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"ttf", "font/ttf"},
    {"txt", "text/plain; charset=utf-8"},
    {"wasm", "application/wasm"},
    {"wav", "audio/wav"},
    {"webm", "video/webm"},
    {"webmanifest", "application/manifest+json"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xhtml", "application/xhtml+xml"},
    {"xml", "application/xml"},
    {"yaml", "application/yaml"},
    {"yml", "application/yaml"},
    {"zip", "application/zip"},
    {"zst", "application/zstd"},
});
constexpr size_t kLongestExtension = 32;

}  // namespace

void MediaTypeTable::set(std::string_view extension, std::string_view type) {
  own_.insert_or_assign(std::string(extension), std::string(type));
}

std::string_view MediaTypeTable::of(std::string_view path) const {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || name.size() - dot > kLongestExtension) return default_;
  const std::string_view written = name.substr(dot + 1);
  std::array<char, kLongestExtension> lower;
  std::transform(written.begin(), written.end(), lower.begin(), base::toLower);
  const std::string_view extension(lower.data(), written.size());
  if (const auto found = own_.find(extension); found != own_.end()) return found->second;
  const auto* const usual = std::lower_bound(
      kUsual.begin(), kUsual.end(), extension,
      [](const auto& entry, std::string_view wanted) { return entry.first < wanted; });
  if (usual == kUsual.end() || usual->first != extension) return default_;
  return usual->second;
}

}  // namespace weir::extensions::http_filters::static_files
