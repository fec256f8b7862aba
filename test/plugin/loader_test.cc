#include "source/plugin/loader.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "source/config/own_message.h"
#include "source/plugin/elf.h"
#include "source/plugin/inspect.h"
#include "source/plugin/shared_object.h"

namespace weir::plugin {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string file(const std::string& name) {
  return "test/plugin/" + name + ".so";
}

std::string errorOf(const PluginRequest& request) {
  const auto plugin = loadPlugin(request);
  return plugin.ok() ? "" : std::string(base::view(plugin.status().message()));
}

// Something else of the name "tag".
class Tag final : public base::Extension {
 public:
  std::string_view category() const override { return "http_filters"; }
  std::string_view name() const override { return "tag"; }
};

TEST(Loader, SaysWhatIsWrongWithAPlugin) {
  const std::pair<std::string, std::string> cases[] = {
      {"entry", "has no function weir_plugin_entry()"},
      {"major", "is built for ABI 2.0 of plugins, and this Weir has 1.0"},
      {"minor", "needs at least ABI 1.99 of plugins"},
      {"size_zero", "weir_plugin says that its size is 0 bytes"},
      {"size_huge", "weir_plugin says that its size is 4294967295 bytes"},
      {"kind_size", "kind 0 it says that its size is"},
      {"kind_huge", "kind 0 it says that its size is 1073741824 bytes"},
      {"kind_type", "kind 0 is of type 77, which this Weir does not know"},
      {"kind_null", "kind 0 is NULL"},
      {"kind_twice", "kind 1 is a second http_filters/broken"},
      {"kinds_none", "offers 0 kinds"},
      {"kinds_many", "offers 1000000 kinds"},
      {"kind_name", "has the name \"No Name\"; a name has lower-case letters"},
      {"name", "calls itself \"?../x\""},
      {"functions", "has no function that a stream could call"},
      {"state", "state_size is 1073741824, more than 65536"},
      {"align", "state_align is 3, not a power of two up to 16"},
      {"descriptor", "config_descriptor is no serialized FileDescriptorSet"},
      {"message", "has only one of config_descriptor and config_message"},
      {"init", "cannot serve: the licence has run out; renew it"},
      {"null", "cannot serve, and does not say why"},
      {"symbol", "undefined symbol: nobody_has_this_function"},
  };
  for (const auto& [name, expected] : cases) {
    EXPECT_THAT(errorOf({.path = file("broken_" + name)}), HasSubstr(expected)) << name;
  }
}

TEST(Loader, SaysWhatIsWrongWithAFile) {
  const std::string folder = ::testing::TempDir();
  const auto write = [&](const std::string& name, const std::string& bytes) {
    std::ofstream(folder + name) << bytes;
    return folder + name;
  };
  EXPECT_THAT(errorOf({.path = "nowhere.so"}), HasSubstr("cannot be opened: No such file"));
  EXPECT_THAT(errorOf({.path = folder}), HasSubstr("is a folder"));
  EXPECT_THAT(errorOf({.path = "/dev/null"}), HasSubstr("is no regular file"));
  EXPECT_THAT(errorOf({.path = write("empty.so", "")}), HasSubstr("is no shared object"));
  EXPECT_THAT(errorOf({.path = write("text.so", "#!/bin/sh\n")}), HasSubstr("no ELF file"));

  std::ifstream whole(file("exercise"), std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(whole)), {});
  EXPECT_THAT(errorOf({.path = write("head.so", bytes.substr(0, 40))}),
              HasSubstr("is truncated within its head"));
  EXPECT_THAT(errorOf({.path = write("half.so", bytes.substr(0, bytes.size() / 2))}),
              HasSubstr("is truncated: it has"));
  std::string other = bytes;
  other[18] = static_cast<char>(other[18] == 62 ? 183 : 62);  // e_machine
  EXPECT_THAT(errorOf({.path = write("other.so", other)}),
              HasSubstr("is built for another machine:"));
  other = bytes;
  other[16] = 2;  // ET_EXEC
  EXPECT_THAT(errorOf({.path = write("program.so", other)}),
              HasSubstr("is no shared object but a program; link it with -shared"));
}

TEST(Loader, ChecksHashAndName) {
  const std::string path = file("exercise");
  const auto object = SharedObject::open(path);
  ASSERT_TRUE(object.ok()) << object.status();
  EXPECT_THAT(errorOf({.path = path, .name = {}, .sha256 = std::string(64, '0')}),
              HasSubstr(base::concat("has the SHA-256 ", object->sha256(), ", not 000")));
  EXPECT_EQ(errorOf({.path = path, .name = "exercise", .sha256 = object->sha256()}), "");
  EXPECT_THAT(errorOf({.path = path, .name = "exercize"}),
              HasSubstr("calls itself \"exercise\", not \"exercize\"; write name: \"exercise\""));
}

TEST(Loader, NamesThatAreTakenAreRefused) {
  base::Registry registry;
  ASSERT_TRUE(registry.add(std::make_unique<Tag>()).ok());
  const auto plugin = loadPlugin({.path = file("broken_taken")});
  ASSERT_TRUE(plugin.ok()) << plugin.status();
  EXPECT_THAT(std::string(base::view(registerKinds(**plugin, registry).message())),
              HasSubstr("offers http_filters/tag, which is one of Weir's own"));
  base::Registry second;
  const auto exercise = loadPlugin({.path = file("exercise")});
  ASSERT_TRUE(exercise.ok()) << exercise.status();
  EXPECT_TRUE(registerKinds(**exercise, second).ok());
  EXPECT_THAT(std::string(base::view(registerKinds(**exercise, second).message())),
              HasSubstr("is taken by plugin exercise 1.0 (test/plugin/exercise.so)"));
}

TEST(Loader, StructsOfAnotherSizeThanOursAreRead) {
  const auto newer = loadPlugin({.path = file("newer")});
  ASSERT_TRUE(newer.ok()) << newer.status();
  EXPECT_EQ((*newer)->kinds().at(0)->name(), "newer");
  const auto older = loadPlugin({.path = file("abi_1_0")});
  ASSERT_TRUE(older.ok()) << older.status();
  EXPECT_EQ((*older)->kinds().at(0)->name(), "abi_1_0");
}

TEST(Loader, ReadsPluginsBeforeTheRestOfTheFile) {
  const std::string path = ::testing::TempDir() + "plugins.textproto";
  const auto load = [&](const std::string& text, base::Registry& registry) {
    std::ofstream(path) << text;
    config::Diagnostics diagnostics;
    const bool ok = loadPlugins(path, registry, diagnostics);
    EXPECT_EQ(ok, diagnostics.ok());
    return diagnostics.toString();
  };
  const std::string here = std::filesystem::current_path().string() + "/";
  base::Registry registry;
  EXPECT_EQ(load("listeners { filter_chains { filters { config { [http_filters/exercise] { text: "
                 "\"}\" } } } } }\nplugins { name: \"exercise\" path: \"" +
                     here + file("exercise") + "\" }\nunknown: [1, 2]\n",
                 registry),
            "");
  const base::Extension* const found = registry.find("http_filters", "exercise");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->configType(), "weir.plugins.http_filters.exercise.Config");
  EXPECT_NE(config::prototypeOf(*found), nullptr);

  base::Registry none;
  const std::string errors = load(
      "plugins { name: \"a\" path: \"gone.so\" }\n"
      "plugins { name: \"a\" path: \"x\" sha256: \"12\" }\n"
      "plugins { path: \"y.so\" slow_callback { seconds: 100 } }\n",
      none);
  EXPECT_THAT(errors, HasSubstr("plugins.textproto:1:27: plugins[0].path: "));
  EXPECT_THAT(errors, HasSubstr("gone.so: cannot be opened: No such file or directory"));
  EXPECT_THAT(errors, HasSubstr("plugins[1].sha256: is no SHA-256; 64 hexadecimal digits"));
  EXPECT_THAT(errors, HasSubstr("plugins[1].name: "));
  EXPECT_THAT(errors, HasSubstr("plugins[2].name: is required"));
  EXPECT_THAT(errors, HasSubstr("plugins[2].slow_callback: "));
}

TEST(Inspect, SaysWhatAPluginOffers) {
  const auto text = inspectPlugin(file("exercise"));
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, StartsWith("name:    exercise\nversion: 1.0\n"));
  EXPECT_THAT(*text, HasSubstr("abi:     1.0 (this Weir has 1.0)\n"));
  EXPECT_THAT(*text, HasSubstr("offers:  http_filters/exercise\n"));
  EXPECT_THAT(*text, HasSubstr("  weir.plugins.http_filters.exercise.Config\n"));
  EXPECT_THAT(*text, HasSubstr("    text: string\n"));
  const auto missing = inspectPlugin(file("broken_entry"));
  EXPECT_THAT(std::string(base::view(missing.status().message())),
              StartsWith("test/plugin/broken_entry.so: has no function"));
}

TEST(Structs, NoByteIsReadBehindWhatIsClaimed) {
  const uint32_t claimed = offsetof(weir_call_request, headers);
  const auto bytes = std::make_unique<char[]>(claimed);  // a byte more is an error under asan
  std::memset(bytes.get(), 0, claimed);
  std::memcpy(bytes.get(), &claimed, sizeof claimed);
  const auto read = readStruct<weir_call_request>(bytes.get());
  EXPECT_EQ(read.headers, nullptr);
  EXPECT_EQ(read.trailer_count, 0u);
  EXPECT_EQ(read.size, sizeof read);
}

}  // namespace
}  // namespace weir::plugin
