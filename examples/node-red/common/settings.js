// What Node-RED starts with. The first install puts it into shared/; from then on it is the operator's.
module.exports = {
    uiHost: "127.0.0.1",
    flowFile: "flows.json",
    flowFilePretty: true,
    editorTheme: { tours: false },
    telemetry: { enabled: false, updateNotification: false },
    diagnostics: { enabled: false },
    logging: { console: { level: "info", metrics: false, audit: false } },
};
