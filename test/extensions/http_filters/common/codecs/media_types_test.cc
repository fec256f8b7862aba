#include "extensions/http_filters/common/codecs/media_types.h"

#include <string>

#include "gtest/gtest.h"

namespace weir::extensions::http_filters::common::codecs {
namespace {

TEST(MediaTypes, TheUsualOnes) {
  const MediaTypes types(compressibleTypes());
  for (const char* type : {"text/html", "Text/HTML; charset=utf-8", "application/json",
                           "application/problem+json;x=y", "image/svg+xml", "text/event-stream",
                           "application/wasm", "application/atom+XML", "font/ttf"}) {
    EXPECT_TRUE(types.contain(type)) << type;
  }
  for (const char* type :
       {"", ";", "image/png", "video/mp4", "application/octet-stream", "application/zip",
        "font/woff2", "application/grpc", "application/grpc+json", "application/grpc-web+json",
        "text", "application/jsonx", "xtext/html"}) {
    EXPECT_FALSE(types.contain(type)) << type;
  }
}

TEST(MediaTypes, Patterns) {
  const MediaTypes all({"*/*"});
  EXPECT_TRUE(all.contain("image/png"));
  EXPECT_FALSE(all.contain("application/grpc"));
  EXPECT_TRUE(MediaTypes({"Application/GRPC"}).contain("application/grpc"));
  EXPECT_FALSE(MediaTypes({"application/*"}).contain("application/grpc-web-text"));
  for (const char* good : {"a/b", "a/*", "*/*", "*/*+json", "application/vnd.a+b"}) {
    EXPECT_TRUE(MediaTypes::isPattern(good)) << good;
  }
  for (const char* bad : {"", "a", "a/", "/b", "*/b", "a/b*", "a/b;c", "*/*+", "te xt/b", "*"}) {
    EXPECT_FALSE(MediaTypes::isPattern(bad)) << bad;
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::common::codecs
