/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and signatures of other implementations (python3-cryptography; names by securesystemslib) over {"a":1}. */
#pragma once

typedef struct Vector {
    const char *what, *key, *id, *sig;
    int good;
} Vector;

static const Vector vectors[] = {
    {"ed25519",
     "{\"keytype\": \"ed25519\", \"scheme\": \"ed25519\", \"keyval\": {\"public\": "
     "\"03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8\"}}",
     "63d00ee3cf4f5c61ad94efa696c68f13b608fe56ecea13fb144a6fd18e9235b9",
     "325003fd636be5c8c705ece915453f940a17b9cad3f58b99a57b825f96f9e62fd6a89b16deeccca008dec6223e9fee7581bfdb904b2c8f916"
     "0f9903c61265806",
     1},
    {"ecdsa",
     "{\"keytype\": \"ecdsa\", \"scheme\": \"ecdsa-sha2-nistp256\", \"keyval\": {\"public\": \"-----BEGIN PUBLIC "
     "KEY-----\\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEA6R5+fsrT/R6fEQHIVQXKAzy9zqi\\ns/"
     "hOSgjatEJt7VQhhoonphBarPLKylQBIR5GW1MyUZQdr6Zw6Q3si25kUQ==\\n-----END PUBLIC KEY-----\\n\"}}",
     "d122bf16aaf20486640ff4054a11d25ecbb2ef467ed5050bd5babc302d876add",
     "3045022100dcf96df2d5c9de82823fb109a2715d802f7bd4460b4b3cb05e3e899fc2d8913d0220622138cf29a074bad22f901fd12c546594a"
     "2ed06ab73774ec78818580ee93e27",
     1},
    {"ecdsa_old",
     "{\"keytype\": \"ecdsa-sha2-nistp256\", \"scheme\": \"ecdsa-sha2-nistp256\", \"keyval\": {\"public\": "
     "\"-----BEGIN PUBLIC "
     "KEY-----\\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEA6R5+fsrT/R6fEQHIVQXKAzy9zqi\\ns/"
     "hOSgjatEJt7VQhhoonphBarPLKylQBIR5GW1MyUZQdr6Zw6Q3si25kUQ==\\n-----END PUBLIC KEY-----\\n\"}, "
     "\"x-tuf-on-ci-keyowner\": \"@somebody\"}",
     "9a0efd51c0e9562b12f4ee2367643db3bd9ec3f6f563038b6b392500a3f5a32a",
     "3045022100dcf96df2d5c9de82823fb109a2715d802f7bd4460b4b3cb05e3e899fc2d8913d0220622138cf29a074bad22f901fd12c546594a"
     "2ed06ab73774ec78818580ee93e27",
     1},
    {"p384",
     "{\"keytype\": \"ecdsa\", \"scheme\": \"ecdsa-sha2-nistp256\", \"keyval\": {\"public\": \"-----BEGIN PUBLIC "
     "KEY-----\\nMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAESJwXwaZ0HEtsctmDmXJaHfmxCH+"
     "ENdwW\\nFbLVQhtdOM5fcuAOozZj8921DkzSPSFlzxjGhXZbEBIkKux1V5nI39PhJj60WgRc\\nP18f5w/"
     "Gz6Vokv3Xsqpgg0NZNKUtquQ0\\n-----END PUBLIC KEY-----\\n\"}}",
     "5dfd187d0fbd01b032ab1dc9a71be5c480613619dfd557c8d145712be33088fd",
     "3065023100a8aaa5086fa1024b09eacc5fa568e0dedb50b34686fb82b3983bbe651d8a96fea077225ea1e54571ff9443fc22a1db6b02307dd"
     "ab874c0874d7ff56b07f7cf45236a21b06342a62f5c57515cb9f1c1643881702ff706618df806ac3f4c4b8be97ccf",
     0},
    {"rsa",
     "{\"keytype\": \"rsa\", \"scheme\": \"rsassa-pss-sha256\", \"keyval\": {\"public\": \"-----BEGIN PUBLIC "
     "KEY-----\\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAz9hsaOXxpvAsJLMP/"
     "Q4u\\n9FrRff5TP2EHFRbFiaIpVJ3oVpSTxyJcwRsGDMik6UVhXe1JVZOMqj2SdEIz0IVW\\n/"
     "wbmRUpp02SsqpxdBzx8nMJCI2FoZZZCWIxn5TzP5z7SIZFGeqPM3koWNNjYuG8X\\nL6UZsEDGkFEpPxDx2qpSUQI/"
     "0tObulAwXUybIEBvf9g8O6Gp0NFkqAu1lq1Yh9MT\\nYbldJvm/gIjw+CA3gO7/"
     "X0e1kvXMHhuTu5h226MppYGHPs2qM1P7E56gBwHxOZL4\\nsfpEy0VUJzclTbf/nfpdEZNMCV8dl3KgWKHttFdPXypQOgaBy/"
     "oiqe7jbIXgKapm\\nrwIDAQAB\\n-----END PUBLIC KEY-----\\n\"}}",
     "94e671ac622a977bbd386e1c7384f57c5243138a7810b7776d896249824b001d",
     "25c852d4062d18dad7a051654a41c75850a5ad6dcb27e253eb3769c513fbd6df64213f19e37471e5d8adffae7ca4a1d3ee925ddfb4c52923b"
     "1593ef834f1b8d01c655d12bab3042166e9bd355971422ba1178504f3ff37764fb263c56630e27ddb5bcc80cf49b3bac314028232ff5ae69f"
     "3f7c709855f9ccf636951be2e73cbbf23f87ced2da3c55ad8b4c7bc23ec9f4ff41cb39ef16ac3ce910dd65723c26720fe2ac7816387468737"
     "824f4af7a110a3a073a0ba23f054eb891ce96ff63b6df86ca9963914aad13c8d2a9c5e9338141c6b485bbb100dd2b6fe851aeb5a19d43689d"
     "b5526cbd92388ad8a40e970be78c4f85d3f0ba4b602e7c9187420732ad28",
     1},
    {"rsa_max",
     "{\"keytype\": \"rsa\", \"scheme\": \"rsassa-pss-sha256\", \"keyval\": {\"public\": \"-----BEGIN PUBLIC "
     "KEY-----\\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAz9hsaOXxpvAsJLMP/"
     "Q4u\\n9FrRff5TP2EHFRbFiaIpVJ3oVpSTxyJcwRsGDMik6UVhXe1JVZOMqj2SdEIz0IVW\\n/"
     "wbmRUpp02SsqpxdBzx8nMJCI2FoZZZCWIxn5TzP5z7SIZFGeqPM3koWNNjYuG8X\\nL6UZsEDGkFEpPxDx2qpSUQI/"
     "0tObulAwXUybIEBvf9g8O6Gp0NFkqAu1lq1Yh9MT\\nYbldJvm/gIjw+CA3gO7/"
     "X0e1kvXMHhuTu5h226MppYGHPs2qM1P7E56gBwHxOZL4\\nsfpEy0VUJzclTbf/nfpdEZNMCV8dl3KgWKHttFdPXypQOgaBy/"
     "oiqe7jbIXgKapm\\nrwIDAQAB\\n-----END PUBLIC KEY-----\\n\"}}",
     "94e671ac622a977bbd386e1c7384f57c5243138a7810b7776d896249824b001d",
     "a17299cca91cd1e661e26ec7fb4e9eff4e831eaef35f44bb96aa66fd75cd3474a3ae9229956a6bf78c7e0465daa818cc3596edbb513b3e3a7"
     "4a8b6c79ab786d8cf89b628b3266f18c3ccb50eff7c085d3adf078b063fdefaf71080b2d915da213d9a2ac37d0de15b1b2f313581936efcdf"
     "f29819e77fb8f3ee0e015cc595b07ae1389f53bb9e45cc5026360221ec038f952d97baed4e914310daa78d87a44ed12ea11fb1b088d2a6ddb"
     "76b4a594c96c6d5da871d1e1e848ad2e61bcf7a2f887d01102b3714756700715337492d688827505a7707c9c2ebc7552e4a703c5932490c90"
     "121d45e459a2305b1fef0ed771d09805ea4eb7a448fa1bca4c5d9dba2228",
     1},
    {"rsa_pkcs1",
     "{\"keytype\": \"rsa\", \"scheme\": \"rsassa-pss-sha256\", \"keyval\": {\"public\": \"-----BEGIN PUBLIC "
     "KEY-----\\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAz9hsaOXxpvAsJLMP/"
     "Q4u\\n9FrRff5TP2EHFRbFiaIpVJ3oVpSTxyJcwRsGDMik6UVhXe1JVZOMqj2SdEIz0IVW\\n/"
     "wbmRUpp02SsqpxdBzx8nMJCI2FoZZZCWIxn5TzP5z7SIZFGeqPM3koWNNjYuG8X\\nL6UZsEDGkFEpPxDx2qpSUQI/"
     "0tObulAwXUybIEBvf9g8O6Gp0NFkqAu1lq1Yh9MT\\nYbldJvm/gIjw+CA3gO7/"
     "X0e1kvXMHhuTu5h226MppYGHPs2qM1P7E56gBwHxOZL4\\nsfpEy0VUJzclTbf/nfpdEZNMCV8dl3KgWKHttFdPXypQOgaBy/"
     "oiqe7jbIXgKapm\\nrwIDAQAB\\n-----END PUBLIC KEY-----\\n\"}}",
     "94e671ac622a977bbd386e1c7384f57c5243138a7810b7776d896249824b001d",
     "1a7a710dfe63a2e63e6f8f7dfa02d7930e96174a63064895f6187d17cbc59c6b7148ed9ee263e1efc206d04eba2e45e54b6ec55a95dcdd4df"
     "143deb70c11235ddd7862d702bd0437501e599f16cca7415a4aa008c3748888d489a96a01ddcf5959494b6456129a6fcade0396f4bc1a29bc"
     "faafd6fa8a425d82aa3f774eeef872f001eaa5267b13e3db5583035187b62bd06e3028539213c431fec2604b47f94b73d796eae233d5db866"
     "664cb53f223f44a316561720b1e53edcb919f664a0b479d740bc5480f05a02a642bbc6b948a495c24d5fd6042d3e6b07ddd3b14c0d5058e74"
     "e57712d76b1a99ae994047188cab5f856f7f0486c477b22811b165e6ddae",
     0},
    {"rsa_small",
     "{\"keytype\": \"rsa\", \"scheme\": \"rsassa-pss-sha256\", \"keyval\": {\"public\": \"-----BEGIN PUBLIC "
     "KEY-----\\nMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQClThbHbU0b40HAzZpoy5sN6iAo\\nbGJf4/"
     "Kkl2CL6nBiO4cWBdNz6oTK+WnzX5F2nB21b/"
     "D+Y8z4bT2aAYEZw0xXf1gh\\nE+iiBlLJL1we9I8DYBMVh2XTJDMO1v49HQarYVAIl8x7+"
     "jbqgdAQD4lq6L58QOkc\\n2sWo10GtB0TMtReyOQIDAQAB\\n-----END PUBLIC KEY-----\\n\"}}",
     "863b16be8e6c98282ab0768d89fd3beb5290115898cfd47d72769932ff8ffb12",
     "3006722ea265ccd17c40d075d71e522fe048d811dda7b873aa13b1e8789c0ef5817eb2e5c2e08356329b32052ffb29b536f152909e244a73a"
     "33308ce3e13f88bbf765460d95e70d8ab3d590cb53b51fb0b9bf1457157b0d8c330e72b9d121e5fb3325a77bf564ea2a2b5cbe80666270601"
     "1ebf26bf599d39fd7ff7d8c3cead0e",
     0},
};
