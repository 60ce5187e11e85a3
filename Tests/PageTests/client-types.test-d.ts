/**
 * Checks that the library implements exactly what `windsock-client.d.ts` declares. It holds types only: `tsc` checks
 * it, and nothing runs it.
 */
import { WindsockClient as Implementation } from "../../dashboards/web/client/client.js";
import { WindsockError as ImplementedError } from "../../dashboards/web/client/errors.js";
import { WindsockClient as Declaration, WindsockError as DeclaredError } from "../../dashboards/web/windsock-client.js";

/** The public members. Methods become functions, whose parameters TypeScript compares strictly. */
type Members<Class> = {
  [Name in keyof Class]: Class[Name] extends (...values: infer Values) => infer Result
    ? (...values: Values) => Result : Class[Name];
};

declare function accept<Expected>(actual: Expected): void;
declare const implementation: Members<Implementation>;
declare const declaration: Members<Declaration>;
declare const implementedError: Members<ImplementedError>;
declare const declaredError: Members<DeclaredError>;

accept<Members<Declaration>>(implementation);
accept<Members<Implementation>>(declaration);
accept<Members<DeclaredError>>(implementedError);
accept<Members<ImplementedError>>(declaredError);

declare const implementedNames: keyof Implementation;
declare const declaredNames: keyof Declaration;
accept<keyof Declaration>(implementedNames);
accept<keyof Implementation>(declaredNames);

declare const implementedOptions: ConstructorParameters<typeof Implementation>;
declare const declaredOptions: ConstructorParameters<typeof Declaration>;
accept<ConstructorParameters<typeof Declaration>>(implementedOptions);
accept<ConstructorParameters<typeof Implementation>>(declaredOptions);

declare const implementedErrorValues: ConstructorParameters<typeof ImplementedError>;
declare const declaredErrorValues: ConstructorParameters<typeof DeclaredError>;
accept<ConstructorParameters<typeof DeclaredError>>(implementedErrorValues);
accept<ConstructorParameters<typeof ImplementedError>>(declaredErrorValues);
