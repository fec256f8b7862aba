#include "extensions/http_filters/grpc_web/content_type.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::extensions::http_filters::grpc_web {
namespace {

// "text +proto", "binary", "-".
std::string parsed(std::string_view type) {
  const auto found = parseGrpcWebType(type);
  if (!found) return "-";
  return (found->text ? "text" : "binary") + std::string(found->format);
}

TEST(GrpcWebType, Parses) {
  EXPECT_EQ(parsed("application/grpc-web"), "binary");
  EXPECT_EQ(parsed("application/grpc-web+proto"), "binary+proto");
  EXPECT_EQ(parsed("Application/gRPC-Web+json; charset=utf-8"), "binary+json");
  EXPECT_EQ(parsed("application/grpc-web-text"), "text");
  EXPECT_EQ(parsed("application/grpc-web-text+proto"), "text+proto");
  EXPECT_EQ(parsed("application/grpc-web-text ;a=b"), "text");
  for (const char* other : {"", "application/grpc", "application/grpc+proto", "application/json",
                            "application/grpc-webs", "application/grpc-web-texts",
                            "application/grpc-web-", "text/application/grpc-web"}) {
    EXPECT_EQ(parsed(other), "-") << other;
  }
}

TEST(GrpcWebType, IsMade) {
  base::Arena arena;
  EXPECT_EQ(grpcType("+proto", arena), "application/grpc+proto");
  EXPECT_EQ(grpcWebType({false, ""}, arena), "application/grpc-web");
  EXPECT_EQ(grpcWebType({true, "+proto"}, arena), "application/grpc-web-text+proto");
  EXPECT_EQ(grpcFormat("application/grpc+proto;x=y"), "+proto");
  EXPECT_EQ(grpcFormat("application/grpc"), "");
}

TEST(GrpcWebType, TheAnswerIsAsAcceptSaysElseAsAsked) {
  const auto wants = [](std::initializer_list<std::string_view> accept, bool asked) {
    base::Arena arena;
    http::HeaderMap headers(arena);
    for (const std::string_view value : accept) headers.add(http::HeaderId::kAccept, value);
    return wantsText(headers, {asked, ""});
  };
  EXPECT_TRUE(wants({}, true));
  EXPECT_FALSE(wants({}, false));
  EXPECT_TRUE(wants({"*/*"}, true));
  EXPECT_FALSE(wants({"*/*,,"}, false));
  EXPECT_TRUE(wants({"application/grpc-web-text"}, false));
  EXPECT_FALSE(wants({"application/grpc-web+proto"}, true));
  EXPECT_TRUE(wants({"text/html , application/grpc-web-text+proto;q=0.5"}, false));
  EXPECT_FALSE(wants({"a/b", "application/grpc-web, application/grpc-web-text"}, true));
}

}  // namespace
}  // namespace weir::extensions::http_filters::grpc_web
