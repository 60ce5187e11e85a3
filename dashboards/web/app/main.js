import { GatewayPage } from "./gateway-page.js";

new GatewayPage();
