// Assembles the page: one state, one connection, one view for each step.

import { createBatch, initialBatch } from "./batch.js";
import { createBrowse, initialBrowse } from "./browse.js";
import { createConnection } from "./connection.js";
import { createLogin, initialLogin } from "./login.js";
import { showPanels } from "./panels.js";
import { createSigning, initialSigning } from "./signing.js";
import { createSlotEvents, initialSlotEvents } from "./slot-events.js";
import { createStore } from "./store.js";
import { batchStep } from "./steps/batch.js";
import { certificateStep } from "./steps/certificate.js";
import { loginStep } from "./steps/login.js";
import { moduleStep } from "./steps/module.js";
import { signStep } from "./steps/sign.js";
import { signatureButtons } from "./steps/signature.js";
import { slotStep } from "./steps/slot.js";
import { verifyStep } from "./steps/verify.js";
import { createWireLog } from "./wire-log.js";
import { showWire } from "./wire-view.js";

const store = createStore({
  phase: "connecting",
  ports: undefined,
  demoPin: undefined,
  bridge: undefined,
  asked: false,
  refused: null,
  clientError: null,
  backAt: null,
  ...initialBrowse,
  ...initialSlotEvents,
  ...initialSigning,
  ...initialBatch,
  ...initialLogin,
});
const wireLog = createWireLog();
const connection = createConnection(store, {
  traffic: wireLog.record,
  lost: wireLog.connectionLost,
  opened: () => browse.refreshModules(),
  slot: (event) => slotEvents.slot(event),
  watch: (event) => slotEvents.watch(event),
});
const browse = createBrowse(store, connection, wireLog);
const slotEvents = createSlotEvents(store, browse);
const signing = createSigning(store, connection, browse, wireLog);
const batch = createBatch(store, connection, browse, wireLog);
const login = createLogin(store, connection, browse, wireLog);

showWire(store, wireLog);
showPanels(store, connection);
moduleStep(store, browse);
slotStep(store, browse);
certificateStep(store, browse);
signStep(store, signing);
signatureButtons();
verifyStep(store, signing);
batchStep(store, batch);
loginStep(store, login);
connection.start();
